"""A trained model as a page sees it: each method takes what a form holds, and returns pictures, numbers and texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genkit.core.model import Autoencoder
from genkit.core.noise import Noise, Rows
from genkit.demo.inputs import Given, number_of, read_picture, read_point, seed_of, transform_of_pictures
from genkit.demo.latent import POSITIONS, Directions, drawn_codes, find_directions, moved, path_between
from genkit.demo.score_board import ScoreBoard, ScoreRow
from genkit.demo.view import ImageView, Shown, grid, view_of
from genkit.draw.anomaly_grid import coloured
from genkit.errors import UsageError, reason_of
from genkit.notebook.device import usable_device
from genkit.notebook.trained_model import TrainedModel
from genkit.runs.trained_models.trained import Trained, open_data, require_data

if TYPE_CHECKING:
    from genkit.core.dataset import Dataset

SLIDERS = 6  # directions of greatest effect
REACH = 3.0  # of a slider to either side, in standard deviations of the prior
NO_SCORES = "There are no scores: they judge samples of unknown class, and these networks need the class."


@dataclass(frozen=True)
class Reconstructed:
    """A sample and its reconstruction, and how abnormal the sample is."""

    pictures: list[Shown]  # with the map of a score, if the samples are images and the model has one
    rows: list[ScoreRow]  # empty for a model without scores
    remark: str  # what a user must know about how the sample was read


class Playground:
    """A trained model with all that a page can ask of it.

    `place` is what a form has for one sample: the path of a picture, or a text such as ``0.5, -1`` for a point; "" for
    none, in whose place a sample is drawn with a seed.
    """

    def __init__(self, path: Path, model: TrainedModel, overrides: Sequence[str] = ()):
        """Raise `UsageError` if the samples of the model have no picture. `overrides` change keys of [data]."""
        self.path, self.model, self.overrides = path, model, overrides
        self.view = view_of(path, model)
        self.classes = model.class_names
        self.needs_class = model.module.needs_class
        self.has_encoder = isinstance(model.module, Autoencoder)
        self.shows_images = isinstance(self.view, ImageView)
        self.data_remark = ""  # why the data cannot be used, as soon as they have been asked for
        self._directions = cache(self._find_directions)

    @cached_property
    def data(self) -> Dataset | None:
        """The training data, whose files may be missing; None if they cannot be opened: see `data_remark`."""
        try:
            return open_data(self.path, self.overrides)
        except Exception as error:  # a plugin is missing, or its code fails: a model is drawn from without its data
            self.data_remark = reason_of(error)
            return None

    @cached_property
    def scores(self) -> ScoreBoard | None:
        """The scores that the model can give; None if it has none."""
        if not self.has_encoder or self.needs_class:
            return None
        data = self.data  # first, since it sets the remark
        return ScoreBoard(self.path, self.model, data, self.data_remark)

    @cached_property
    def maps(self) -> list[str]:
        """The names of the scores that have a map."""
        return self.scores.names_of_maps() if self.scores is not None and self.shows_images else []

    def draw(self, seed: Any, number: Any, label: str | None = None) -> Shown:
        """Return a picture of samples, as `genkit sample` draws them. Raises `UsageError`."""
        chosen = seed_of(seed)
        samples = self.model.sample(number_of(number, self.view.most), chosen, label)
        return self.view.samples(samples, f"{len(samples):,} samples of seed {chosen}")

    def reconstruct(
        self, place: str, map_of: str | None = None, label: str | None = None, held_out: Any = None
    ) -> Reconstructed:
        """Return the reconstruction of a sample, the map of a score, and all scores.

        Without a `place` the sample is the one with the number `held_out` of the held-out split. Raises `UsageError`.
        """
        given = self.read(place) if place else self.read_held_out(held_out)
        output = self.model.reconstruct(given.x, label)
        pictures = self.view.pair(given.x, output, ("As the model reads it", "Reconstruction"))
        if self.scores is None:
            return Reconstructed(pictures, [], "\n".join(filter(None, (NO_SCORES, given.remark))))
        if map_of:
            values = self.scores.map(map_of, given.x)
            low, high = min(0.0, values.min().item()), values.max().item()
            caption = f"{map_of}: black {low:.4g}, light {high:.4g}"
            pictures.append(Shown(grid(coloured(values, low, high), 1), caption, "single"))
        return Reconstructed(pictures, self.scores.rows(given.x), given.remark)

    def walk(
        self, ends: tuple[str, str], seeds: tuple[Any, Any], position: float, label: str | None = None
    ) -> list[Shown]:
        """Return pictures of the path between two samples, and of the sample at a position on it, 0 to 1.

        Each end is a `place`, or a draw with its seed. Raises `UsageError`.
        """
        a, b = (self.code(place, seed, name, label) for place, seed, name in zip(ends, seeds, ("Start", "End")))
        codes = path_between(self.model, a, b)
        at = round(min(max(position, 0.0), 1.0) * POSITIONS)
        stops = torch.linspace(0, POSITIONS, self.view.stops).round().long().tolist()
        decoded = self.model.decode(codes[[*stops, at]], label)
        return self.view.path(decoded[:-1], decoded[-1:], f"At {at / POSITIONS:.2f}")

    def directions(self, label: str | None = None) -> Directions:
        """Return the directions of greatest effect; they are computed once."""
        return self._directions(label)

    def move(self, place: str, seed: Any, amounts: list[float], label: str | None = None) -> list[Shown]:
        """Return pictures of a sample, and of that sample moved along the directions of greatest effect.

        `amounts`, one a direction, are in standard deviations of the prior. Raises `UsageError`.
        """
        start, directions = self.code(place, seed, "Seed", label), self.directions(label)
        rows = torch.stack([torch.zeros(len(amounts)), torch.tensor(amounts, dtype=torch.float32)])
        here, there = self.model.decode(moved(start, directions, rows), label).split(1)
        return self.view.pair(here, there, ("Start", "Moved"))

    def traversal(self, place: str, seed: Any, label: str | None = None) -> list[Shown]:
        """Return pictures of a sample moved by -REACH to REACH along each direction. Raises `UsageError`."""
        start, directions = self.code(place, seed, "Seed", label), self.directions(label)
        along = torch.linspace(-REACH, REACH, self.view.stops)
        amounts = torch.einsum("s,kj->ksj", along, torch.eye(len(directions.vectors)))
        decoded = self.model.decode(moved(start, directions, amounts.flatten(0, 1)), label)
        return self.view.traversal(decoded.unflatten(0, amounts.shape[:2]))

    def code(self, place: str, seed: Any, name: str, label: str | None = None) -> Tensor:
        """Return the code of a sample, (1, L), of a place or of a draw. Raises `UsageError`, which names the seed."""
        if place:
            return self.model.encode(self.read(place).x, label if self.needs_class else None)
        return drawn_codes(self.model, 1, seed_of(seed, name), label)

    def read(self, place: str) -> Given:
        """Return a sample. Raises `UsageError` for a file that is no picture, and for a text that is no point."""
        return read_picture(Path(place), self._transform) if self.shows_images else read_point(place)

    @cached_property
    def held_out_size(self) -> int:
        """The number of samples of the held-out split; 0 if the data are missing or unreadable, or never end."""
        if self.data is None:
            return 0
        try:
            held_out: Dataset = self.data.held_out()
            return 0 if held_out.unmet() else held_out.size or 0
        except Exception as error:  # of the disk, or of the code of a plugin
            self.data_remark = reason_of(error)
            return 0

    def read_held_out(self, number: Any) -> Given:
        """Return the sample of the held-out split with a number, from 0 on. Raises `UsageError`."""
        if self.data is None or not self.held_out_size:
            reason = self.data_remark or "the data of the run are not on this machine."
            raise UsageError(f"Held-out sample: {reason}")
        chosen = seed_of(number, "Held-out sample")
        if chosen >= self.held_out_size:
            raise UsageError(f"Held-out sample: expected a number from 0 to {self.held_out_size - 1:,}.")
        held_out: Dataset = self.data.held_out()
        require_data(self.path, self.data, held_out, self.overrides)
        noise = Noise(self.model.trained.seed, 0, "demo", Rows.all(1))
        return Given(held_out.batch(torch.tensor([chosen]), noise).x)

    @cached_property
    def _transform(self) -> Any:
        return transform_of_pictures(self.model.trained, self.data)

    def _find_directions(self, label: str | None) -> Directions:
        return find_directions(self.model, min(SLIDERS, self.model.latent_dim), label)


def open_playground(
    path: Path, trained: Trained, device: str | None = None, overrides: Sequence[str] = ()
) -> Playground:
    """Return a model of the run or model folder `path` to play with, on a device.

    `overrides` are those of ``--set``. Raises `UsageError` for one that [data] does not take, for a device that is
    missing, and for a model whose samples have no picture.
    """
    if overrides:
        open_data(path, overrides)
    return Playground(path, TrainedModel(trained, usable_device(device, "--device")), overrides)
