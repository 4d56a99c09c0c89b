"""Paths between latent codes of a trained model, and the samples that they decode to."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genkit.core.condition import LABEL
from genkit.core.latent_paths import PATHS
from genkit.core.model import Autoencoder, Model
from genkit.core.prior import StandardNormal
from genkit.engine.out_of_memory import refused_if_out_of_memory
from genkit.errors import UsageError
from genkit.evaluation.samples import in_chunks
from genkit.near_miss import near_miss
from genkit.runs.trained_models.trained import draw_codes, draw_labels


class Interpolations(NamedTuple):
    """N paths of S latent codes each, decoded; all tensors are on the CPU."""

    codes: Tensor  # (N, S, L)
    decoded: Tensor  # (N, S, *data_shape)
    inputs: Tensor | None  # (N, 2, *data_shape): the samples at the two ends; None for draws of the prior

    def as_arrays(self) -> dict[str, Tensor]:
        """Return the tensors under the names that `genkit interpolate` writes them with."""
        arrays = {"code": self.codes, "decoded": self.decoded}
        return arrays if self.inputs is None else {**arrays, "input": self.inputs}


def choose_path(asked: str | None, model: Model, option: str = "--path ") -> str:
    """Return the key of `PATHS` that is asked for, or else the one that suits the prior of the model.

    Raises `UsageError` for an unknown path, and for a spherical path under another prior than N(0, I), whose draws are
    near no sphere around 0. The message names the `option`.
    """
    if asked is not None and asked not in PATHS:
        raise UsageError(f"{option}{asked}: unknown path.{near_miss(asked, PATHS)}")
    standard = isinstance(model.prior, StandardNormal)
    if asked == "spherical" and not standard:
        raise UsageError(
            f"{option}spherical: needs the prior N(0, I), but the model has another prior: {model.prior.description}. "
            f"Use {option}linear."
        )
    return asked or ("spherical" if standard else "linear")


def interpolate_samples(model: Autoencoder, x: Tensor, path: str, steps: int) -> Interpolations:
    """Return paths of `steps` codes between the posterior means of samples x, (2N, *data_shape).

    Path k starts at sample k and ends at sample N + k. `path` is a key of `PATHS`.
    """
    first, second = x.chunk(2)
    inputs = torch.stack([first, second], dim=1)
    with torch.no_grad():
        means = in_chunks(lambda chunk: model.encoder(chunk).mu, inputs.flatten(0, 1), model.data_shape)
    starts, stops = means.unflatten(0, (len(first), 2)).unbind(1)
    return _decode(model, starts, stops, path, steps)._replace(inputs=inputs.cpu())


def interpolate_prior(model: Model, number: int, path: str, steps: int, seed: int) -> Interpolations:
    """Return `number` paths of `steps` codes between draws of the prior. `path` is a key of `PATHS`.

    Networks that need a class decode each path under one class, drawn with the frequencies of the training data.
    """
    with refused_if_out_of_memory(f"{number:,} paths of {steps:,} steps", "Draw fewer or shorter ones at a time."):
        labels = draw_labels(model, number, seed) if model.needs_class else None
        with model.given(None if labels is None else {LABEL: labels.repeat(2)}):
            starts, stops = draw_codes(model, 2 * number, seed).chunk(2)
        return _decode(model, starts, stops, path, steps, labels)


def _decode(
    model: Model, starts: Tensor, stops: Tensor, path: str, steps: int, labels: Tensor | None = None
) -> Interpolations:
    place = next(model.parameters()).device
    codes = PATHS[path](starts.to(place), stops.to(place), steps)
    given = model.given_rows({} if labels is None else {LABEL: labels.repeat_interleave(steps)})
    with torch.no_grad():
        decoded = in_chunks(model.sample, codes.flatten(0, 1), model.data_shape, given)
    return Interpolations(codes.cpu(), decoded.unflatten(0, (len(codes), steps)), None)
