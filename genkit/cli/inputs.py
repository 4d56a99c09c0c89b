"""The samples that a command shows a model: held out by its recipe, or a person's own pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.cli.options import only
from genkit.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from genkit.core.model import Autoencoder
    from genkit.runs.trained import Trained


@dataclass(frozen=True)
class SelectedInputs:
    """Samples, and what they are called."""

    x: Tensor  # (N, *data_shape), in the model's dtype
    names: list[str]  # one a sample: its number in the split, or its file; empty of a density
    source: str  # "samples of the test split", "fresh draws of the data", "pictures of FOLDER"
    total: int | None  # how many there are to choose from; None of a density
    own: Path | None = None  # where they come from, unless the recipe holds them out

    @property
    def suffix(self) -> str:
        """What the files that are written of a person's own pictures add to their names, ``-of-holidays``."""
        return "" if self.own is None else f"-of-{self.own.stem if self.own.is_file() else self.own.absolute().name}"

    def describe(self, number: int) -> str:
        """Return what the first `number` of them are: ``32 of 1,000 samples of the test split``."""
        among = f" of {self.total:,}" if self.total is not None and self.total > number else ""
        return f"{number}{among} {self.source}"


def select_inputs(
    trained: Trained, run: Path, number: int, pictures: Path | None, overrides: list[str] | None
) -> SelectedInputs:
    """Return at most `number` samples: of `pictures` where given, or else spread over what the recipe holds out.

    Raises `UsageError` for both at once, and where nothing can be read.
    """
    from genkit.evaluation.samples import describe_samples, select_samples
    from genkit.parts.datasets.pictures.user_pictures import read_user_pictures
    from genkit.runs.trained import open_held_out

    if pictures is not None:
        if overrides:
            raise UsageError(
                f"--data {pictures} takes the place of [data], so that --set would do nothing. Leave out one."
            )
        x, names, total = read_user_pictures(pictures, number, trained.model.data_shape)
        source = f"picture{'s' * (total != 1)} of {pictures}" if pictures.is_dir() else f"picture, {pictures}"
        return SelectedInputs(x.to(next(trained.model.parameters())), names, source, total, pictures)
    held_out = open_held_out(run, only(("data",), overrides, "this command", "data.path=pictures"))
    if held_out.size == 0:
        raise UsageError(f"{run}: the {held_out.split} split of its data holds no sample.")
    picked = select_samples(number, trained.model, held_out, trained.noise)
    names = [] if picked.indices is None else [str(index) for index in picked.indices.tolist()]
    return SelectedInputs(picked.x, names, describe_samples(held_out.size or len(picked.x), held_out), held_out.size)


def autoencoder_of(trained: Trained, run: Path, remedy: str) -> Autoencoder:
    """Return the model. Raises `UsageError` with the remedy if it has no encoder."""
    from genkit.core.model import Autoencoder

    if not isinstance(trained.model, Autoencoder):
        raise UsageError(f"{run}: its model, a {type(trained.model).__name__}, has no encoder. {remedy}")
    return trained.model
