"""The pictures that a run takes of itself."""

from __future__ import annotations

from pathlib import Path

from genkit.core.model import Autoencoder, Model, evaluating
from genkit.core.noise import Noise
from genkit.core.types import Dataset
from genkit.draw.density import box, save_points
from genkit.draw.image_grid import GridRow, save_grid
from genkit.draw.reconstructions import reconstruction_rows
from genkit.evaluation.samples import codes, in_chunks, select_samples

COLUMNS = 8
SAMPLES = 64  # images drawn from the prior
RECONSTRUCTIONS = 32  # held-out images, each with its reconstruction
POINTS = 5000  # samples, and as many reference points


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


def _points(path: Path, title: str, model: Model, data: Dataset, noise: Noise) -> Path:
    samples = in_chunks(model.sample, codes(POINTS, model, noise), model.data_shape)
    reference = select_samples(POINTS, model, data.held_out(), noise).x.cpu()
    save_points(path, model, samples, reference, title, box(reference))
    return path


def _samples(path: Path, title: str, model: Model, noise: Noise) -> Path:
    images = in_chunks(model.sample, codes(SAMPLES, model, noise), model.data_shape)
    save_grid(path, [GridRow("", row) for row in images.split(COLUMNS)], f"{title}, samples")
    return path


def _reconstructions(path: Path, title: str, model: Autoencoder, data: Dataset, noise: Noise) -> Path:
    x = select_samples(RECONSTRUCTIONS, model, data.held_out(), noise).x
    outputs = in_chunks(model.reconstruct, x, model.data_shape)
    save_grid(path, reconstruction_rows(x.cpu(), outputs, COLUMNS), f"{title}, held-out images")
    return path
