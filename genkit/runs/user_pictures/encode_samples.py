"""Codes of many samples, written while they are computed, so that memory does not grow with their number."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy
from torch import Tensor

from genkit.console.output import progress_count
from genkit.core.dataset import Dataset
from genkit.core.diag_normal import DiagNormal
from genkit.core.model import Autoencoder, evaluating
from genkit.errors import UsageError
from genkit.runs.trained_models.sample_sets import SampleChunk, SampleSet, set_of_data, set_of_pictures
from genkit.runs.trained_models.trained import Trained, open_data, require_data
from genkit.runs.trained_models.without_flips import without_flips
from genkit.runs.user_pictures.user_sets import open_user_sets, set_names
from genkit.storage.atomic import new_file

DRAWS = 10_000  # of data without end, unless the user gives a number
COLUMNS = ("name", "label")
MOST_NAMED = 3  # samples in a message about codes that are not finite


class CodeFiles(NamedTuple):
    """The files of codes: row k of the arrays is the sample in row k of the table."""

    means: Path  # .npy, (N, L)
    table: Path  # .csv with the columns name and label
    logvars: Path | None  # .npy, (N, L), the natural logarithms of the variances; None: not written


def set_to_encode(
    path: Path, trained: Trained, pictures: Path | None, split: str, number: int | None, overrides: tuple[str, ...]
) -> SampleSet:
    """Return the samples to encode: the user's own pictures, or a split of the data of the run, which is not mirrored.

    `split` is "train" or "test". `number` is the most samples of the split, chosen at random as the metrics choose
    them; None is all of them, or 10,000 draws of data without end. Raises `UsageError` if there are no samples or the
    data are missing.
    """
    data = open_data(path, overrides)
    if pictures is not None:
        [opened] = open_user_sets([pictures], data, trained.model.data_shape, "--data")
        return set_of_pictures(set_names([pictures])[0], opened, trained.model)
    of_split: Dataset = data if split == "train" else data.held_out()
    require_data(path, data, of_split, overrides)
    of_split = without_flips(of_split)
    if of_split.size == 0:
        raise UsageError(f"{path}: the {of_split.split} split of its data has no samples.")
    total = number or (DRAWS if of_split.size is None else of_split.size)
    total = total if of_split.size is None else min(total, of_split.size)
    return set_of_data(split, of_split, trained.model, total, trained.seed)


def write_codes(model: Autoencoder, samples: SampleSet, files: CodeFiles) -> None:
    """Encode the samples, and write the codes in the model's dtype. The files appear when all of them are complete.

    Raises `UsageError` if a picture cannot be used, if a code is not finite, and if the encoder is conditional and the
    classes are not known; and `OSError`.
    """
    weight = next(model.parameters())
    with ExitStack() as stack:
        progress = stack.enter_context(progress_count("encoding samples", len(samples)))
        arrays = [stack.enter_context(new_file(path)) for path in (files.means, files.logvars) if path is not None]
        writer, flush = _open_table(stack.enter_context(new_file(files.table)))
        for file in arrays:
            _write_header(file, weight, (len(samples), model.latent_dim))
        for chunk, posterior in encoded(model, samples):
            for file, codes in zip(arrays, posterior, strict=False):  # logvar is left out if nobody wants it
                file.write(np.ascontiguousarray(codes.cpu().numpy()).data)
            writer.writerows(zip(chunk.names, chunk.labels, strict=True))
            progress(len(chunk.names))
        flush()


def encoded(model: Autoencoder, samples: SampleSet) -> Iterator[tuple[SampleChunk, DiagNormal]]:
    """Yield the samples with their posteriors, a chunk at a time.

    Raises `UsageError` if a picture cannot be used, if a code is not finite, and if the encoder is conditional and the
    classes are not known.
    """
    for chunk in samples:
        try:
            with evaluating(model), model.given(chunk.extra):
                posterior = model.encoder(chunk.x)
        except ValueError as error:
            raise UsageError(f"{samples.name}: {error}.") from None
        finite = (posterior.mu.isfinite() & posterior.logvar.isfinite()).all(dim=1).tolist()
        if bad := [name for name, good in zip(chunk.names, finite, strict=True) if not good]:
            shown = ", ".join(bad[:MOST_NAMED]) + ", ..." * (len(bad) > MOST_NAMED)
            raise UsageError(
                f"{samples.name}: the codes of {len(bad)} of {len(finite)} samples are not finite: {shown}. "
                "Use weights of a training that did not diverge."
            )
        yield chunk, posterior


def _write_header(file: BinaryIO, weight: Tensor, shape: tuple[int, int]) -> None:
    descr = npy.dtype_to_descr(weight.detach().cpu().numpy().dtype)
    npy.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})


def _open_table(file: BinaryIO) -> tuple[Any, Callable[[], object]]:
    """Return a CSV writer, and the function that ends it and leaves the file open."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    return writer, text.detach
