"""The results of an evaluation by label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from genkit.console.captured import html_of, text_of
from genkit.console.output import Console
from genkit.core.result import Result
from genkit.near_miss import near_miss
from genkit.runs.results_report import print_results


class Results(Mapping[str, Result]):
    """Results by the label of their metric. A result has a `value`, None if it was refused, and its `protocol`."""

    def __init__(self, results: Sequence[Result], shown: str):
        self._by_label = {result.label: result for result in results}
        self._shown = shown  # the weights that pictures of the model are of, "raw" or "ema"

    def __getitem__(self, label: str) -> Result:
        """Return the result of a metric. Raises `KeyError`."""
        if label not in self._by_label:
            raise KeyError(f"{label}: no result has this label.{near_miss(label, self._by_label)}")
        return self._by_label[label]

    def __iter__(self) -> Iterator[str]:
        """Yield the labels, in the order of the recipe."""
        return iter(self._by_label)

    def __len__(self) -> int:
        """Return the number of results."""
        return len(self._by_label)

    def __repr__(self) -> str:
        return text_of(self._print) or "no results"

    def _repr_html_(self) -> str:
        return html_of(self._print) or "no results"

    def _print(self, console: Console) -> None:
        print_results(list(self.values()), self._shown, console)
