"""Functions of an evaluation, run on a model in the state of the evaluation, on any of several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from genkit.core.global_generators import seeded_generators
from genkit.core.metric import ParallelMap
from genkit.core.model import Model, evaluating
from genkit.evaluation.batch_norm import StatisticsByNorm, using_statistics
from genkit.evaluation.draws import ChunkedDraws, OfChunk


@dataclass(frozen=True)
class InState:
    """A function that runs on the model in evaluation mode, with these statistics in its batch norms."""

    model: Model
    statistics: StatisticsByNorm
    seed: int  # of the global generators, so that a function that draws from them gives the same on every process
    function: Callable[[Any], Any]

    def __call__(self, item: Any, /) -> Any:
        """Return function(item)."""
        with evaluating(self.model), using_statistics(self.model, self.statistics), seeded_generators(self.seed):
            return self.function(item)


def map_in_state(parallel_map: ParallelMap, model: Model, statistics: StatisticsByNorm, seed: int) -> ParallelMap:
    """Return the map of one evaluation. The other processes do not know the state that the main one has set.

    A function of a chunk runs under the condition of its samples.
    """
    alone = parallel_map is map
    if alone and model.condition_classes is None:
        return map

    def mapped(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        if isinstance(items, ChunkedDraws):  # the process that computes the function makes its chunk
            function, items = OfChunk(items.chunk, function), items.places()
        return map(function, items) if alone else parallel_map(InState(model, statistics, seed, function), items)

    return mapped
