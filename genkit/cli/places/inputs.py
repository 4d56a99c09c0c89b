"""The samples that a command feeds to a model: from the held-out split of the run, or the user's own pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.cli.arguments.options import overrides_within
from genkit.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from genkit.cli.places.given_model import GivenModel
    from genkit.core.model import Autoencoder
    from genkit.runs.trained_models.trained import Trained


@dataclass(frozen=True)
class SelectedInputs:
    """Samples, with their names and their source."""

    x: Tensor  # (N, *data_shape), in the model's dtype
    names: list[str]  # one per sample: its number in the split, or its file; empty for a density
    source: str  # "samples of the test split", "fresh draws of the data", "pictures of NAME"
    total: int | None  # how many the source has; None for a density
    pictures: Path | None = None  # the file or folder of the user's own pictures
    extra: Mapping[str, Tensor] = field(default_factory=dict)  # labels and similar of held-out samples

    @property
    def suffix(self) -> str:
        """The suffix of output files that show the user's own pictures, such as ``-of-holidays``."""
        if self.pictures is None:
            return ""
        return f"-of-{self.pictures.stem if self.pictures.is_file() else self.pictures.absolute().name}"

    def describe(self, number: int) -> str:
        """Return a description of the first `number` samples: ``32 of 1,000 samples of the test split``."""
        among = f" of {self.total:,}" if self.total is not None and self.total > number else ""
        return f"{number}{among} {self.source}"


def open_with_remark(run: GivenModel, weights: str | None) -> Trained:
    """Return a model. Print which step it is of on stderr if the run has not finished.

    Raises `UsageError`.
    """
    from genkit.runs.trained_models.trained import open_trained

    trained = open_trained(run.folder, weights)
    print_remark(trained.remark)
    return trained


def print_remark(remark: str) -> None:
    """Print each line of a remark on stderr, behind ``remark:``; nothing if it is empty.

    It is on stderr because stdout carries the result of the command. Functions of Python warn with the same text.
    """
    from genkit.console.output import Console

    console = Console(stderr=True)
    for line in remark.splitlines():
        console.prose(line, "remark: ")


def select_inputs(
    trained: Trained, run: GivenModel, number: int, pictures: Path | None, overrides: list[str] | None
) -> SelectedInputs:
    """Return at most `number` samples: the first of `pictures` if given, otherwise spread over the held-out split.

    Raises `UsageError` if both pictures and overrides are given, and where nothing can be read.
    """
    if pictures is None:
        return _held_out(trained, run, number, overrides)
    if overrides:
        raise UsageError(f"--data {pictures}: replaces [data], so --set has no effect. Leave out one of them.")
    return _user_pictures(trained, number, pictures)


def require_autoencoder(trained: Trained, run: GivenModel, remedy: str) -> Autoencoder:
    """Return the model. Raises `UsageError` with the remedy if it has no encoder."""
    from genkit.core.model import Autoencoder

    if not isinstance(trained.model, Autoencoder):
        raise UsageError(f"{run}: the model, {type(trained.model).__name__}, has no encoder. {remedy}")
    return trained.model


def refuse_needed_class(model: Autoencoder, option: str, remedy: str) -> None:
    """Raise `UsageError` if the networks of the model need the class of each sample, which nothing gives here."""
    if model.needs_class:
        raise UsageError(
            f"{option}: the networks of the model need the class of each sample, which is unknown. {remedy}"
        )


def _held_out(trained: Trained, run: GivenModel, number: int, overrides: list[str] | None) -> SelectedInputs:
    from genkit.evaluation.samples import describe_samples, select_samples
    from genkit.runs.trained_models.trained import open_held_out

    held_out = open_held_out(run.folder, overrides_within(("data",), overrides, "data.path=pictures"))
    if held_out.size == 0:
        raise UsageError(f"{run}: the {held_out.split} split of its data has no samples.")
    selected = select_samples(number, trained.model, held_out, trained.noise)
    names = [] if selected.indices is None else [str(index) for index in selected.indices.tolist()]
    source = describe_samples(held_out.size or len(selected.x), held_out)
    return SelectedInputs(selected.x, names, source, held_out.size, extra=selected.extra)


def _user_pictures(trained: Trained, number: int, pictures: Path) -> SelectedInputs:
    from genkit.bases.pictures.user_pictures import read_user_pictures
    from genkit.runs.trained_models.trained import levels_of
    from genkit.runs.user_pictures.user_sets import set_names

    x, names, opened = read_user_pictures(pictures, number, trained.model.data_shape, levels_of(trained))
    print_remark(opened.remark())
    total = len(opened)
    [name] = set_names([pictures])
    several = pictures.is_dir() or total != 1
    source = f"picture{'s' * (total != 1)} of {name}" if several else f"picture, {name}"
    return SelectedInputs(x.to(next(trained.model.parameters())), names, source, total, pictures)
