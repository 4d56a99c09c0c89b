"""Base class of metrics of the maps of a score: which pictures with masks, which maps, and what is refused."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Annotated, Literal

from genkit.api import (
    Autoencoder,
    Dataset,
    Doc,
    Evaluation,
    EvaluationProtocol,
    MaskedDataset,
    Model,
    ModelMetric,
    NonNegativeFloat,
    PositiveInt,
    Score,
    Split,
    part_name,
    require_map,
)
from genkit.api.scoring import (
    REPLICATES,
    MaskedChunk,
    WithMasks,
    check_fit,
    details_of_model,
    drawn_in_replicates,
    fitted_score,
    groups_in,
    masked_maps,
    read_samples,
    refuse_trained_on,
    require_few_pixels,
    require_shape,
    require_smooth,
    samples_of_other,
    split_of_other,
)
from genkit.parts.scores.elbo import Error


@dataclass(frozen=True)
class LocalisationMetric(ModelMetric, ABC):
    """Base class of metrics of the pixels of maps."""

    other: Annotated[Dataset, Doc("Data set of pictures with masks, of the shape of [data].")]
    score: Annotated[Score, Doc("Score whose map is used; it must be a sum over pixels.")] = Error()
    smooth: Annotated[
        NonNegativeFloat, Doc("Standard deviation in pixels of the Gaussian that smooths a map; 0: none.")
    ] = 0.0
    other_samples: Annotated[
        PositiveInt | None, Doc("Number of pictures of the other data set; by default all of the split, at most 5,000.")
    ] = None
    other_split: Annotated[Split, Doc('Split of the other data set; "test" is the held-out split.')] = "test"

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, with the data set of the masks, the score and the smoothing.

        Raises `ValueError` for a model that cannot give the map, for data without masks or of another shape, and for
        pictures that are known to have been trained on. Held-out pictures of [data] may be among them.
        """
        autoencoder = require_map(self.score, model)
        check_fit(self.score, data)
        require_smooth(self.smooth, data.shape)
        require_shape(self.marked, data.shape)
        if not isinstance(self.marked, MaskedDataset):
            raise ValueError(
                f"`other`, {part_name(self.marked, brief=True)}, has no masks. Use a data set with masks, such as "
                "masked-folder or stroke-digits"
            )
        refuse_trained_on(self.marked, data)
        require_few_pixels(self.marked_pictures * prod(data.shape[1:]))
        details: Mapping[str, str | int | float] = {
            "other": f"{part_name(self.marked, brief=True)}, {self.marked_pictures} samples of the "
            f"{self.marked.split} split",
            "score": part_name(self.score),
            **details_of_model(self.score, autoencoder),
            **({"smooth": self.smooth} if self.smooth else {}),
            **self.settings,
            "interval": f"95 %, {REPLICATES} bootstrap replicates{drawn_in_replicates(self.marked) or ' of pictures'}",
        }
        split, samples = self.reference(data)
        return EvaluationProtocol(samples, split, self.weights, self.batch_norm, details=details)

    def reference(self, data: Dataset) -> tuple[str, int]:
        """Return the split of the samples that the protocol counts, and their number: pictures with masks."""
        return self.marked.split, self.marked_pictures

    @property
    def settings(self) -> Mapping[str, str | int | float]:
        """The keys of this metric that change its number, for the protocol."""
        return {}

    @property
    def marked(self) -> Dataset:
        """The split of the other data set."""
        return split_of_other(self.other, self.other_split)

    @property
    def marked_pictures(self) -> int:
        """The number of pictures with masks. Raises `ValueError` if there are too few or none."""
        return samples_of_other(self.marked, self.other_samples)

    @abstractmethod
    def compute(self, evaluation: Evaluation) -> float:
        """Return the number with its interval. Raises `ValueError` for masks of one class, and maps not finite."""

    def maps(self, evaluation: Evaluation) -> list[MaskedChunk]:
        """Return the maps and the masks of all pictures of the other data set. Metrics of one score share them."""
        key = ("maps", repr(self.score), self.smooth, repr(self.marked), self.marked_pictures)
        if key not in evaluation.shared:
            autoencoder, score = autoencoder_of(evaluation), fitted_score(self.score, evaluation)
            of_chunk = partial(masked_maps, autoencoder, score, self.smooth)
            pictures = read_samples(evaluation, WithMasks(self.marked), self.marked_pictures)
            evaluation.shared[key] = [*evaluation.parallel_map(of_chunk, pictures)]
        found: list[MaskedChunk] = evaluation.shared[key]
        return found

    def groups(self, evaluation: Evaluation) -> Sequence[str] | None:
        """Return the groups of the pictures; None if they are independent."""
        return groups_in(evaluation, self.marked, self.marked_pictures)


def autoencoder_of(evaluation: Evaluation) -> Autoencoder:
    """Return the model of an evaluation whose protocol has a map."""
    assert isinstance(evaluation.model, Autoencoder)  # `protocol` refuses other models
    return evaluation.model
