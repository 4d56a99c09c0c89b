"""Figures of the latent space of a finished run.

traversal.png   images decoded along the latent dimensions of greatest effect, one dimension a row
codes.npy       codes of held-out samples, and draws of the prior, in two dimensions: (2, N, 2) float32
codes.json      the numbers of these dimensions

A code of a sample is one draw of its posterior, since the draws of all samples together are what resembles the prior:
their means alone lie closer to each other. Memory does not grow with the number of codes or of dimensions.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genkit.core.condition import LABEL
from genkit.core.dataset import Dataset
from genkit.core.model import Autoencoder, Model
from genkit.core.noise import Noise
from genkit.draw.image_grid import GridRow, save_image_grid
from genkit.evaluation.samples import IMAGE_CHUNK, in_chunks, latent_codes, selected_in_chunks
from genkit.runs.training.latent_dimensions import name_of, save_dimensions
from genkit.storage.atomic import write_file

ROWS = 8  # dimensions, at most
POSITIONS = (-3, -2, -1, 0, 1, 2, 3)  # of a row, in standard deviations of the prior
DRAWS = 256  # draws of the prior whose spread is taken
DECODED = 512  # images that are decoded to find the dimensions of greatest effect, about
POINTS = 500  # codes in codes.npy, of each kind


@torch.no_grad()
def save_traversal(path: Path, model: Model, noise: Noise, title: str) -> list[Path]:
    """Write images along single latent dimensions as PNG; return the path in a list. The model is in evaluation mode.

    Each row moves one dimension of one draw of the prior. A conditional model shows its first class. Raises `OSError`.
    """
    labels = {} if model.condition_classes is None else {LABEL: torch.zeros(DRAWS, dtype=torch.int64)}
    with model.given(labels or None):
        draws = latent_codes(DRAWS, model, noise)
    centre, spread = draws.mean(dim=0), draws.std(dim=0)
    effects = effect_of_dimensions(model, draws, spread)
    shown = effects.argsort(descending=True, stable=True)[:ROWS].tolist()
    rows = []
    for dimension in shown:
        codes = draws[:1].repeat(len(POSITIONS), 1)
        codes[:, dimension] = centre[dimension] + spread[dimension] * torch.tensor(POSITIONS).to(codes)
        rows.append(GridRow(name_of(dimension), _decode(model, codes)))
    note = (
        f"Each row moves one of {model.latent_dim} latent dimensions of one draw of the prior, in standard deviations "
        "of the prior. The dimensions in which images change most come first."
    )
    save_image_grid(path, rows, title, note, [f"{position:+d}" if position else "0" for position in POSITIONS])
    return [path]


def effect_of_dimensions(model: Model, draws: Tensor, spread: Tensor) -> Tensor:
    """Return how much samples change with each latent dimension, (L,) float64 on the CPU.

    The effect is the mean square change of a sample while the dimension of a draw, (N, L), moves from one standard
    deviation, of `spread` (L,), below it to one above it, averaged over a few draws.
    """
    size = len(spread)
    steps = torch.diag(spread)
    effect = torch.zeros(size, dtype=torch.float64)
    chosen = draws[: max(1, DECODED // (2 * size))]
    for code in chosen:
        for start in range(0, size, IMAGE_CHUNK):
            moved = steps[start : start + IMAGE_CHUNK]
            pairs = zip(_decode(model, code + moved), _decode(model, code - moved), strict=True)
            changes = [(ahead.double() - behind.double()).square().mean() for ahead, behind in pairs]
            effect[start : start + IMAGE_CHUNK] += torch.stack(changes)
    return (effect / len(chosen)).nan_to_num(nan=0.0)


def _decode(model: Model, codes: Tensor) -> Tensor:
    labels = {} if model.condition_classes is None else {LABEL: torch.zeros(len(codes), dtype=torch.int64)}
    return in_chunks(model.sample, codes, model.data_shape, model.given_rows(labels))


@torch.no_grad()
def save_codes(path: Path, model: Autoencoder, held_out: Dataset, noise: Noise) -> list[Path]:
    """Write codes of held-out samples beside draws of the prior, and which dimensions they are of; return the paths.

    Of more than two dimensions, the two in which the means of the codes spread most are kept. A model with one has no
    such picture. The model is in evaluation mode. Raises `OSError`.
    """
    if model.latent_dim < 2:
        return []
    means, codes, labels = [], [], []
    for rows, (x, _, extra) in selected_in_chunks(POINTS, model, held_out, noise):
        q = model.encode(x, extra or None)
        eps = Noise(noise.seed, noise.step, "preview-codes", rows, q.mu.device, q.mu.dtype).randn(
            "eps", model.latent_dim
        )
        means.append(q.mu.float().cpu())
        codes.append(q.sample(eps).float().cpu())
        labels += [extra[LABEL]] if LABEL in extra else []
    with model.given({LABEL: torch.cat(labels)} if labels else None):
        draws = latent_codes(sum(map(len, codes)), model, noise).float().cpu()
    spread = torch.cat(means).nan_to_num(nan=0.0).std(dim=0)
    kept = spread.argsort(descending=True, stable=True)[:2].sort().values
    content = io.BytesIO()
    np.save(content, torch.stack([torch.cat(codes)[:, kept], draws[:, kept]]).numpy())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, content.getvalue())
    return [path, save_dimensions(path, kept.tolist())]
