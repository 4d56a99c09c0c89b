"""Stability strip: a picture of the same latent codes, decoded at a few steps of a run, one row for each step.

Figure 6 of AS-IntroVAE (https://arxiv.org/abs/2206.13903) compares methods in this way after 10, 20 and 50 epochs.
During training, the run writes each row as a small array; at the end, the picture is drawn from these arrays.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genkit.core.model import Model, evaluating
from genkit.core.noise import Noise
from genkit.draw.image_grid import GridRow, save_image_grid
from genkit.draw.preview import COLUMNS, SAMPLES
from genkit.draw.scatter import save_point_panels
from genkit.errors import UsageError
from genkit.evaluation.samples import decoded_codes, labels_in_turn
from genkit.recipe.plan import Plan
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.step_names import step_in
from genkit.storage.atomic import write_file
from genkit.storage.listing import exists, names_in
from genkit.storage.os_errors import unreadable

ROWS = 5  # if the recipe names no steps
POINTS = 2000  # in a row, if the samples are points in the plane


def strip_captions(plan: Plan) -> dict[int, str]:
    """Return the steps of the rows, in ascending order, each with its caption. Steps after the last are left out.

    A caption names the epoch if it is a whole number.

    Raises `UsageError` if the recipe names epochs and the data have no epochs.
    """
    report, steps = plan.recipe.report, plan.steps
    if report.strip_epochs:
        epoch = plan.epoch("[report] strip_epochs")
        asked = [epoch * number for number in report.strip_epochs]
    else:
        epoch = (plan.data.size or 0) // plan.recipe.train.batch_size
        asked = list(report.strip_steps) or [-(-steps * row // ROWS) for row in range(1, ROWS + 1)]
    within = sorted({step for step in asked if step <= steps})
    return {
        step: (f"epoch {step // epoch}, " if epoch and step % epoch == 0 else "") + f"step {step}" for step in within
    }


def unreached_rows(plan: Plan, last: int) -> str:
    """Return a remark on the rows in the recipe after its `last` step; empty if there are none."""
    report = plan.recipe.report
    if report.strip_epochs:
        epoch = plan.epoch("[report] strip_epochs")
        unreached, unit = [number for number in report.strip_epochs if epoch * number > last], "epoch"
    else:
        unreached, unit = [step for step in report.strip_steps if step > last], "step"
    return f" After the end of the run: {unit} {', '.join(map(str, unreached))}." if unreached else ""


def save_strip_row(path: Path, model: Model, noise: Noise) -> None:
    """Write the samples of fixed latent codes as an array: images, (8, C, H, W) uint8, or points, (N, 2) float32.

    The images are those in the first row of a preview; a conditional model shows one of each class. Samples of another
    shape have no picture: nothing is written. Raises `OSError` if the file cannot be written.
    """
    with evaluating(model):
        match model.data_shape:
            case (2,):
                kept = decoded_codes(POINTS, model, noise).float()
            case (1 | 3, _, _):
                images = decoded_codes(SAMPLES, model, noise, labels_in_turn(SAMPLES, model), first=COLUMNS)
                kept = (images.float().nan_to_num(nan=0.0).clamp(0, 1) * 255).round().byte()
            case _:
                return
    content = io.BytesIO()
    np.save(content, kept.numpy())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, content.getvalue())


def save_strip(path: Path, rows: Mapping[str, Path], title: str, note: str) -> list[Path]:
    """Write the existing rows, given by caption, as PNG; return its path in a list, empty if no row exists.

    Raises `UsageError` if a row is damaged, and `OSError` if the picture cannot be written.
    """
    kept = {caption: _read(row) for caption, row in rows.items() if exists(row)}
    if not kept:
        return []
    if next(iter(kept.values())).ndim == 2:
        save_point_panels(path, kept, title, note)
    else:
        save_image_grid(path, [GridRow(caption, images / 255) for caption, images in kept.items()], title, note)
    return [path]


class StripRow(NamedTuple):
    """The samples of one step."""

    step: int
    samples: np.ndarray  # images, (8, C, H, W) uint8, or points, (N, 2)


def newest_row(folder: RunFolder) -> StripRow | None:
    """Return the newest row of the strip; None if there is none that can be read."""
    try:
        steps = [step for name in names_in(folder.strip) if (step := step_in(name, r"\.npy")) is not None]
        return StripRow(max(steps), _read(folder.row(max(steps))).numpy()) if steps else None
    except UsageError:
        return None  # the strip is a by-product: `genkit figures` reports the damage


def _read(row: Path) -> Tensor:
    try:
        return torch.from_numpy(np.load(row, allow_pickle=False))
    except OSError as error:
        raise unreadable(row, error) from None
    except (ValueError, EOFError) as error:
        raise UsageError(f"{row}: damaged ({error}). Delete it: only one row of the strip is lost.") from None
