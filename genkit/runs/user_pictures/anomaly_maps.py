"""Anomaly maps of the user's own pictures: computed and written a few at a time, with what masks say about them.

Row k of the arrays is picture k of the table. The threshold is a quantile of the pixels of the maps of normal pictures,
so maps are compared as they are written: float32, smoothed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import torch
from numpy.lib import format as npy

from genkit.bases.metrics.map_chunks import raw_maps, require_smooth
from genkit.bases.metrics.pixel_ranking import pixel_threshold
from genkit.bases.metrics.scoring import SEED, raw_scores
from genkit.console.output import progress_count
from genkit.core.global_generators import seeded_generators
from genkit.core.model import Autoencoder, evaluating
from genkit.core.score import Score, require_map
from genkit.draw.anomaly_grid import ShownMaps
from genkit.errors import UsageError
from genkit.runs.trained_models.collapse import Reconstructed, ReconstructedSet
from genkit.runs.trained_models.sample_sets import SampleChunk, SampleSet
from genkit.runs.trained_models.trained import Trained
from genkit.runs.user_pictures.normal_rate import check_rate
from genkit.runs.user_pictures.pixel_numbers import PixelNumbers, pixel_numbers
from genkit.runs.user_pictures.sets_to_score import SetsToScore, fitted_to_training
from genkit.runs.user_pictures.shown_pictures import ShownPictures
from genkit.storage.atomic import new_file

COLUMNS = ("name", "score", "largest_pixel", "share_above_threshold")


class MapFiles(NamedTuple):
    """The files of maps."""

    maps: Path  # .npy, (N, H, W) float32
    inputs: Path  # .npy, (N, C, H, W), what the network read, in the dtype of the model
    reconstructions: Path  # .npy, (N, C, H, W), in the dtype of the model
    table: Path  # .csv
    picture: Path  # .png

    @property
    def arrays(self) -> tuple[Path, Path, Path]:
        """The files with a row for each picture, in the order in which they are written."""
        return self.maps, self.inputs, self.reconstructions


@dataclass(frozen=True)
class Maps:
    """What is known about maps that have been written."""

    threshold: float
    shown: ShownMaps  # the pictures to draw
    above: float  # share of the pixels above the threshold
    numbers: PixelNumbers | None  # None without masks
    reconstructed: Reconstructed  # normal pictures, which show whether the model has collapsed


@dataclass(frozen=True)
class MapOfScore:
    """How maps are computed: the map of a score, smoothed."""

    model: Autoencoder
    score: Score  # fitted
    smooth: float  # pixels

    def __call__(self, samples: SampleSet, chunk: SampleChunk) -> np.ndarray:
        """Return the maps of a chunk, (b, H, W) float32. Raises `UsageError` for maps that are not finite."""
        try:
            maps = raw_maps(self.model, self.score, self.smooth, chunk.x)
        except ValueError as error:
            raise UsageError(f"{samples.name}: {error}.") from None
        finite = np.isfinite(maps).all(axis=(1, 2))
        if not finite.all():
            first = chunk.names[int(finite.argmin())]
            raise UsageError(
                f"{samples.name}: the maps of {int((~finite).sum())} of {len(finite)} pictures are not finite, such as "
                f"that of {first}. Use another score, or weights of a training that did not diverge."
            )
        return maps


def check_map(path: Path, trained: Trained, score: Score, name: str, smooth: float) -> Autoencoder:
    """Return the model. Raises `UsageError` if it cannot give the map of the score, or for a smoothing out of range."""
    if not isinstance(trained.model, Autoencoder):
        raise UsageError(f"{path}: the model, {type(trained.model).__name__}, has no encoder, so it gives no maps.")
    try:
        model = require_map(score, trained.model)
    except ValueError as error:
        raise UsageError(f"--score {name}: {error}.") from None
    try:
        require_smooth(smooth, model.data_shape)
    except ValueError as error:
        raise UsageError(f"--{str(error).replace(' = ', ' ', 1)}.") from None
    return model


def write_maps(
    path: Path,
    trained: Trained,
    mapping: MapOfScore,
    sets: SetsToScore,
    masks: np.ndarray | None,
    fpr: float,
    chosen: ShownPictures,
    files: MapFiles,
    draw: Callable[[Path, Maps], None],
    arrays: bool = True,
) -> Maps:
    """Compute the maps of the first set after the normal pictures, and write them. All files appear at the end.

    Args:
        path: The run or the model folder.
        trained: Its model.
        mapping: The score, which is not fitted yet, and the smoothing.
        sets: The normal pictures, which give the threshold, and the pictures.
        masks: The masks of the pictures, (N, H, W) bool; None without.
        fpr: Share of the pixels of normal pictures that may be above the threshold.
        chosen: Chooses the pictures to draw.
        files: What to write.
        draw: Writes the picture.
        arrays: Whether to write the arrays too.

    Raises `UsageError` for too few normal pixels, pictures that cannot be used and maps that are not finite, and
    `OSError`.
    """
    [pictures] = sets.others
    check_rate_of_pixels(mapping.model, sets.normal, fpr)
    with ExitStack() as stack:
        stack.enter_context(evaluating(mapping.model))
        stack.enter_context(seeded_generators(SEED))
        fitted = fitted_to_training(path, trained, mapping.model, mapping.score, sets.data)
        mapping = MapOfScore(mapping.model, fitted, mapping.smooth)
        progress = stack.enter_context(progress_count("computing maps", len(sets.normal) + len(pictures)))
        watched = ReconstructedSet(mapping.model, sets.normal, trained.weights)
        threshold = threshold_of_maps(mapping, watched, fpr, progress)
        # Numbers against masks are read from the maps on disk, so that memory does not grow with the pictures.
        written = files.arrays if arrays else files.arrays[:1] if masks is not None else ()
        opened = [stack.enter_context(new_file(each)) for each in written]
        table = stack.enter_context(new_file(files.table))
        shown, above = _write_arrays(mapping, pictures, masks, threshold, chosen, opened, table, progress)
        numbers = None
        if masks is not None:
            on_disk = np.load(opened[0].name, mmap_mode="r")
            numbers = pixel_numbers(on_disk, masks, threshold, pictures.rows, pictures.groups)
        maps = Maps(threshold, shown, above, numbers, watched.reconstructed)
        draw(files.picture, maps)
    if not arrays:
        files.maps.unlink(missing_ok=True)
    return maps


def check_rate_of_pixels(model: Autoencoder, normal: SampleSet, fpr: float) -> int:
    """Return the number of normal pixels. Raises `UsageError` if they are too few for the false positive rate."""
    pixels = len(normal) * model.data_shape[1] * model.data_shape[2]
    check_rate(pixels, fpr, f"The normal pixels are those of {normal.described}")
    return pixels


def threshold_of_maps(
    mapping: MapOfScore, normal: ReconstructedSet, fpr: float, progress: Callable[[int], None]
) -> float:
    """Return the value that at most a share `fpr` of the pixels of the normal maps exceeds. Raises `UsageError`."""
    pixels = check_rate_of_pixels(mapping.model, normal.samples, fpr)
    try:
        return pixel_threshold(_maps_of(mapping, normal, progress), pixels, fpr)
    except ValueError as error:
        raise UsageError(f"{normal.samples.name}: {error}.") from None


def _maps_of(mapping: MapOfScore, normal: ReconstructedSet, progress: Callable[[int], None]) -> Iterator[np.ndarray]:
    for chunk in normal:
        yield mapping(normal.samples, chunk)
        progress(len(chunk.names))


def _write_arrays(
    mapping: MapOfScore,
    pictures: SampleSet,
    masks: np.ndarray | None,
    threshold: float,
    chosen: ShownPictures,
    arrays: list[BinaryIO],
    table: BinaryIO,
    progress: Callable[[int], None],
) -> tuple[ShownMaps, float]:
    """Write maps, inputs and reconstructions to the files in `arrays`, which may be fewer, and the table.

    Return the chosen pictures, and the share of the pixels above the threshold.
    """
    model = mapping.model
    text = io.TextIOWrapper(table, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow((*COLUMNS, *(["dice"] if masks is not None else [])))
    start, above = 0, 0
    for chunk in pictures:
        maps = mapping(pictures, chunk)
        scores = raw_scores(model, mapping.score, chunk.x).tolist()
        with model.given(None):
            outputs = model.reconstruct(chunk.x).cpu()
        inputs = chunk.x.cpu()
        of_chunk = None if masks is None else masks[start : start + len(maps)]
        for file, values in zip(arrays, (maps, inputs.numpy(), outputs.numpy()), strict=False):  # not all are wanted
            if start == 0:
                _write_header(file, values, len(pictures))
            file.write(np.ascontiguousarray(values).data)
        writer.writerows(_rows(chunk.names, scores, maps, of_chunk, threshold))
        chosen.add(chunk.names, scores, (inputs, outputs, torch.from_numpy(maps)), of_chunk)
        start, above = start + len(maps), above + int((maps > threshold).sum())
        progress(len(maps))
    text.detach()
    for file in arrays:
        file.flush()
    return chosen.shown(), above / (len(pictures) * maps[0].size)


def _write_header(file: BinaryIO, values: np.ndarray, number: int) -> None:
    """Write the header of a .npy file with `number` rows like those of `values`."""
    header = {"descr": npy.dtype_to_descr(values.dtype), "fortran_order": False, "shape": (number, *values.shape[1:])}
    npy.write_array_header_1_0(file, header)


def _rows(
    names: list[str], scores: list[float], maps: np.ndarray, masks: np.ndarray | None, threshold: float
) -> Iterator[list[Any]]:
    for row, (name, score, values) in enumerate(zip(names, scores, maps, strict=True)):
        above = values > threshold
        cells = [name, score, float(values.max()), float(above.mean())]
        if masks is not None:
            marked = int(above.sum() + masks[row].sum())  # without any, the coefficient is 0 / 0
            cells.append(2 * int((above & masks[row]).sum()) / marked if marked else "")
        yield cells
