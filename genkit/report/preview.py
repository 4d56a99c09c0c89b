"""The pictures that a run takes of itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from genkit.model import Autoencoder, Model, evaluating
from genkit.noise import Noise, Rows
from genkit.report.grid import Row, save_grid
from genkit.report.points import save_points, save_scatter
from genkit.types import Dataset

COLUMNS = 8
SAMPLES = 64  # images drawn from the prior
RECONSTRUCTIONS = 32  # held-out images, each with its reconstruction
POINTS = 5000  # samples, and as many reference points
IMAGE_CHUNK, POINT_CHUNK = 16, 8192  # samples that a network sees at once


def save_previews(folder: Path, stem: str, title: str, model: Model, data: Dataset, noise: Noise) -> list[Path]:
    """Write the pictures that suit the shape of the data; return their paths.

    Points in the plane: data, samples and density. Images: a grid of samples and, of an autoencoder, one of
    reconstructions of held-out images. Other shapes have no picture. `model` is left in the modes it came in. Give a
    `noise` with the same step each time, and pictures of different steps show the same latent codes.
    """
    with evaluating(model):
        match data.shape:
            case (2,):
                return [_points(folder / f"{stem}-points.png", title, model, data, noise)]
            case (1 | 3, _, _):
                paths = [_samples(folder / f"{stem}-samples.png", title, model, noise)]
                if isinstance(model, Autoencoder):
                    paths.append(_reconstructions(folder / f"{stem}-reconstructions.png", title, model, data, noise))
                return paths
            case _:
                return []


def save_samples(path: Path, samples: Tensor, title: str) -> list[Path]:
    """Write samples, (N, *data_shape), as a picture if their shape has one; return its path in a list."""
    match tuple(samples.shape[1:]):
        case (2,):
            save_scatter(path, samples, title, box(samples))
        case (1 | 3, _, _):
            save_grid(path, [Row("", row) for row in samples.split(COLUMNS)], title)
        case _:
            return []
    return [path]


def box(reference: Tensor) -> float:
    """Return the half-width of a square around the origin with a margin around all points, a multiple of ½."""
    return max(0.5, math.ceil(2 * 1.2 * reference.abs().max().item()) / 2)


def _points(path: Path, title: str, model: Model, data: Dataset, noise: Noise) -> Path:
    samples = _in_chunks(model.sample, _codes(POINTS, model, noise), POINT_CHUNK)
    reference = _held_out(POINTS, model, data, noise).cpu()
    save_points(path, model, samples, reference, title, box(reference))
    return path


def _samples(path: Path, title: str, model: Model, noise: Noise) -> Path:
    images = _in_chunks(model.sample, _codes(SAMPLES, model, noise), IMAGE_CHUNK)
    save_grid(path, [Row("", row) for row in images.split(COLUMNS)], f"{title}, samples")
    return path


def _reconstructions(path: Path, title: str, model: Autoencoder, data: Dataset, noise: Noise) -> Path:
    x = _held_out(RECONSTRUCTIONS, model, data, noise)
    pairs = zip(x.split(COLUMNS), _in_chunks(model.reconstruct, x, IMAGE_CHUNK).split(COLUMNS), strict=True)
    rows = [row for inputs, outputs in pairs for row in (Row("input", inputs), Row("reconstruction", outputs))]
    save_grid(path, rows, f"{title}, held-out images")
    return path


def _codes(count: int, model: Model, noise: Noise) -> Tensor:
    """Return prior noise in the model's dtype and on its device, (count, L)."""
    weight = next(model.parameters())
    drawn = replace(noise, rows=Rows.all(count), device=weight.device, dtype=weight.dtype).of("preview")
    return drawn.randn("z", model.latent_dim)


def _held_out(count: int, model: Model, data: Dataset, noise: Noise) -> Tensor:
    """Return `count` held-out samples, or all where there are fewer, in the model's dtype and on its device."""
    held_out = data.held_out()
    size = count if held_out.size is None else held_out.size
    count = min(count, size)
    # Spread over the split: folders of images stand in the order of their classes.
    indices = torch.arange(count) * size // count
    drawn = Noise(noise.seed, noise.step, "preview-data", Rows.all(count))
    return held_out.batch(indices, drawn).x.to(next(model.parameters()))


def _in_chunks(network: Callable[[Tensor], Tensor], x: Tensor, rows: int) -> Tensor:
    """Return network(x) on the CPU, computed in constant memory."""
    return torch.cat([network(chunk).cpu() for chunk in x.split(rows)])
