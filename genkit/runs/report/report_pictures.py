"""The pictures of a report, within the budget of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import PIL.Image

from genkit.errors import UsageError
from genkit.pages.pictures import AskedPicture, Picture, PictureBudget, remarks_on_smaller
from genkit.runs.on_disk.model_facts import step_of
from genkit.runs.on_disk.pictures_of_run import previews_of
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.step_names import step_in
from genkit.storage.listing import names_in

T = TypeVar("T")
WIDE = 2.5  # width by height of a picture that gets the whole width of the page
SCROLLED = 640  # pixels of the width from which on a picture scrolls on a small screen
MOST_STEPS = 12  # of a series through time
STRIP_SHARE = 0.25  # of the budget that the figures leave, for the small pictures of the strip
SAMPLES, POINTS = "samples", "points"  # kinds of pictures: a grid, and panels of the data, samples and density
FIGURES = {  # those that a run draws after its last step, in the order of the page, each with what it shows
    SAMPLES: "Samples: draws of the prior, decoded.",
    "reconstructions": "Held-out images, each with its reconstruction.",
    "stability": "The same latent codes, decoded at a few steps of the training.",
    "traversal": "One latent dimension changes in each row; those of greatest effect come first.",
}
SERIES = {  # what a run draws during training; these stand first on the page
    SAMPLES: "Samples of the same latent codes at each step.",
    "reconstructions": "The same held-out images, each with its reconstruction.",
    POINTS: "Data, samples, and the density of the model.",
}
TITLES = {"stability": "Stability over the training"}  # of figures that are not of the last step alone
STRIP = "strip"
ABOUT_STRIP = "The first samples of the stability strip: the same latent codes at each step."
OLDER = " The strip has a row at a few steps only, so its newest one is older than the newest samples."
ABOUT_ONE = {**FIGURES, STRIP: "The first samples of the stability strip."}  # of a series of one picture, by kind


@dataclass(frozen=True)
class PictureSeries:
    """Pictures of one kind through time, or a single one."""

    title: str
    about: str
    pictures: Sequence[Picture]
    kind: str  # such as "samples"

    @property
    def scrolls(self) -> bool:
        """Whether a small screen shows a part of a picture at a time, since labels within the whole would be tiny."""
        has_labels = self.kind != SAMPLES
        return self.is_wide or (has_labels and any(picture.width > SCROLLED for picture in self.pictures))

    @property
    def starts_in_middle(self) -> bool:
        """Whether a screen that is too small for a picture shows its middle first: of points, the samples."""
        return self.kind == POINTS

    @property
    def is_described(self) -> bool:
        """Whether a note of each picture says already what it shows."""
        return bool(self.pictures) and all(picture.note for picture in self.pictures)

    @property
    def notes(self) -> list[str]:
        """What a reader has to know of the pictures."""
        return remarks_on_smaller(self.pictures)

    @property
    def is_wide(self) -> bool:
        """Whether its pictures, of several panels or of a row of images, are too wide to stand beside others."""
        return any(picture.width > WIDE * picture.height for picture in self.pictures)


class ReportPictures(NamedTuple):
    """The pictures of a report."""

    made: Sequence[PictureSeries] = ()  # what the model makes: samples and reconstructions, or points with the density
    others: Sequence[PictureSeries] = ()
    newest: int | None = None  # the step of the newest picture that was drawn during training


def pictures_of_report(folder: RunFolder, budget: PictureBudget) -> ReportPictures:
    """Return the series through time and the figures of the end, as far as the budget allows.

    A figure is left out if the newest picture of its series shows the same. The strip comes first if it is newer than
    what else was drawn during training: a run that was stopped early may have previews of step 0 only.
    """
    previews = previews_of(folder)
    shown = _shown_by_previews(folder, previews)
    figures = {path.stem: path for path in sorted(folder.figures.glob("*.png")) if path.stem not in shown}
    names = [*(name for name in FIGURES if name in figures), *(name for name in figures if name not in FIGURES)]
    last = budget.take([AskedPicture(figures[name], FIGURES.get(name, name)) for name in names], 0.5)
    at_end = {picture.text: picture for picture in last}

    made: list[PictureSeries] = []
    others: list[PictureSeries] = []
    rows = _strip_rows(folder)
    drawn = max((_step_of(path) or 0 for paths in previews.values() for path in paths), default=-1)
    newest = max((drawn, *rows))
    if len(rows) > 1 or "stability" not in figures:
        taken = budget.take(list(rows.values()), STRIP_SHARE)
        series = _through_time(STRIP, "First samples", ABOUT_STRIP, taken)
        series = replace(series, about=series.about + OLDER * (newest > max(rows, default=newest)))
        (made if newest > drawn else others).append(series)
    for name in names:
        if (text := FIGURES.get(name, name)) in at_end:
            of = TITLES.get(name, f"{_title(name)} after the last step")
            series = PictureSeries(of, text, [at_end[text]], name)
            (made if name in SERIES else others).append(series)
    in_order = sorted(
        previews.items(), key=lambda each: list(SERIES).index(each[0]) if each[0] in SERIES else len(SERIES)
    )
    for number, (kind, paths) in enumerate(in_order):
        asked = [AskedPicture(path, _about(kind), _step(path)) for path in spread(paths)]
        taken = budget.take(asked, 1 / (len(previews) - number))
        series = _through_time(kind, _title(kind), _about(kind), taken)
        (made if kind in SERIES else others).append(series)
    made, others = ([series for series in each if series.pictures] for each in (made, others))
    return ReportPictures(made, others, newest if newest >= 0 else None)


def _shown_by_previews(folder: RunFolder, previews: Mapping[str, Sequence[Path]]) -> set[str]:
    """Return the kinds whose newest preview is of the step of the figures, so that both show the same."""
    try:
        last = step_of(folder.final)
    except UsageError:
        return set()
    return {kind for kind, paths in previews.items() if last is not None and _step_of(paths[-1]) == last}


def spread(items: Sequence[T], most: int = MOST_STEPS) -> list[T]:
    """Return at most `most` of the paths or steps, the first and the last among them, spread evenly."""
    if len(items) <= most:
        return list(items)
    return [items[round(number * (len(items) - 1) / (most - 1))] for number in range(most)]


def _strip_rows(folder: RunFolder) -> dict[int, AskedPicture]:
    """Return the rows of the stability strip, which a run writes as arrays, by step; damaged ones are left out."""
    steps = sorted(step for name in names_in(folder.strip) if (step := step_in(name, r"\.npy")) is not None)
    rows = {}
    for step in spread(steps):
        try:
            images = np.load(folder.row(step), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            continue
        if images.ndim == 4 and images.dtype == np.uint8 and images.shape[1] in (1, 3) and images.size:
            joined = np.concatenate(list(np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))), axis=2).transpose(1, 2, 0)
            picture = PIL.Image.fromarray(joined[:, :, 0] if joined.shape[2] == 1 else np.ascontiguousarray(joined))
            scale = max(1, 64 // images.shape[2])
            larger = picture.resize((picture.width * scale, picture.height * scale), PIL.Image.Resampling.NEAREST)
            rows[step] = AskedPicture(larger, ABOUT_STRIP, f"step {step}")
    return rows


def _through_time(kind: str, name: str, about: str, pictures: Sequence[Picture]) -> PictureSeries:
    """Return a series; of a single picture the title names the step, so nothing else does."""
    if len(pictures) != 1:
        return PictureSeries(f"{name} through time", about, pictures, kind)
    about = ABOUT_ONE.get(kind, about)
    alone = replace(pictures[0], text=about, label="")
    return PictureSeries(f"{name} at {pictures[0].label}", about, [alone], kind)


def _about(kind: str) -> str:
    return SERIES.get(kind, _title(kind))


def _title(kind: str) -> str:
    return kind[:1].upper() + kind[1:]


def _step(path: Path) -> str:
    step = _step_of(path)
    return path.stem if step is None else f"step {step}"


def _step_of(path: Path) -> int | None:
    return step_in(path.name, r"-.*\.png")
