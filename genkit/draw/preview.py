"""Previews: pictures of a model that a run draws while it trains."""

from __future__ import annotations

from pathlib import Path

from genkit.core.condition import ClassFacts
from genkit.core.dataset import Dataset
from genkit.core.model import Autoencoder, Model, evaluating
from genkit.core.noise import Noise
from genkit.draw.density import half_width_of, save_density_panels
from genkit.draw.image_grid import GridRow, save_image_grid
from genkit.draw.reconstructions import reconstruction_rows
from genkit.evaluation.reconstruct import reconstruct_samples
from genkit.evaluation.samples import decoded_codes, labels_in_turn, select_samples

COLUMNS = 8
SAMPLES = 64  # images drawn from the prior
RECONSTRUCTIONS = 32  # held-out images, each with its reconstruction
MOST_CLASSES = 16  # rows of a grid with a row for each class
POINTS = 5000  # samples, and as many reference points


def save_previews(folder: Path, stem: str, title: str, model: Model, data: Dataset, noise: Noise) -> list[Path]:
    """Write the pictures for the shape of the data as PNG. Return the list of written files.

    Points in the plane: panels of data, samples and density. Images: a grid of samples and, for an autoencoder, a grid
    of reconstructions of held-out images. Samples of other shapes have no picture, and the list is empty. The model is
    not changed. With the same `noise`, the pictures of all steps show the same latent codes and held-out samples.
    """
    with evaluating(model):
        match data.shape:
            case (2,):
                return [_save_points(folder / f"{stem}-points.png", title, model, data, noise)]
            case (1 | 3, _, _):
                paths = [_save_samples(folder / f"{stem}-samples.png", title, model, noise)]
                if isinstance(model, Autoencoder):
                    paths.append(
                        _save_reconstructions(folder / f"{stem}-reconstructions.png", title, model, data, noise)
                    )
                return paths
            case _:
                return []


def _save_points(path: Path, title: str, model: Model, data: Dataset, noise: Noise) -> Path:
    samples = decoded_codes(POINTS, model, noise)
    reference = select_samples(POINTS, model, data.held_out(), noise).x.cpu()
    save_density_panels(path, model, samples, reference, title, half_width_of(reference))
    return path


def _save_samples(path: Path, title: str, model: Model, noise: Noise) -> Path:
    save_image_grid(path, sample_rows(model, noise), f"{title}, samples")
    return path


def sample_rows(model: Model, noise: Noise) -> list[GridRow]:
    """Return rows of samples of fixed latent codes; of a conditional model a row for each class, with its name."""
    classes = model.condition_classes
    if classes is None:
        return [GridRow("", row) for row in decoded_codes(SAMPLES, model, noise).split(COLUMNS)]
    number = COLUMNS * min(classes, MOST_CLASSES)
    images = decoded_codes(number, model, noise, labels_in_turn(number, model, COLUMNS))
    names = (model.class_facts or ClassFacts.equal(classes)).names
    return [GridRow(name, row) for name, row in zip(names, images.split(COLUMNS), strict=False)]


def _save_reconstructions(path: Path, title: str, model: Autoencoder, data: Dataset, noise: Noise) -> Path:
    selected = select_samples(RECONSTRUCTIONS, model, data.held_out(), noise)
    x, outputs = selected.x, reconstruct_samples(model, selected.x, selected.extra)
    save_image_grid(path, reconstruction_rows(x.cpu(), outputs, COLUMNS), f"{title}, held-out images")
    return path
