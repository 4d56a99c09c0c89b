"""Networks of a model as functions of tensors, for ONNX, and batches to try them on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from genkit.core.condition import LABEL, Conditional
from genkit.core.model import Model
from genkit.runs.trained_models.trained import draw_codes, draw_labels


class NetworkFunction(nn.Module, ABC):
    """A network as a function of tensors: the class of each row is an input, where a module asks for it."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __init__(self, network: nn.Module, inside: nn.Module):
        super().__init__()
        self.network = network
        self.conditional = any(isinstance(module, Conditional) for module in inside.modules())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return (*self.inputs, *([LABEL] if self.conditional else []))

    @abstractmethod
    def compute(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs, in the order of their names."""

    def forward(self, rows: Tensor, label: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the outputs of rows, (B, ...), whose classes are `label`, (B,)."""
        with labelled(self.network, label):
            return self.compute(rows)


class EncoderFunction(NetworkFunction):
    """Encoder: x, (B, *data_shape), to mu and logvar, each (B, L)."""

    inputs, outputs = ("x",), ("mu", "logvar")

    def __init__(self, encoder: nn.Module):
        super().__init__(encoder, encoder)

    def compute(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Return mu and logvar."""
        posterior = self.network(rows)
        return posterior.mu, posterior.logvar


class DecoderFunction(NetworkFunction):
    """Decoder, or generator, with the step to samples: z, (B, L), to sample, (B, *data_shape)."""

    inputs, outputs = ("z",), ("sample",)

    def __init__(self, model: Model):
        networks = [module for module in model.children() if module is not model.prior]
        super().__init__(model, nn.ModuleList(networks))
        self.sample = model.sample

    def compute(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Return the samples."""
        return (self.sample(rows),)


@contextmanager
def labelled(network: nn.Module, label: Tensor | None) -> Iterator[None]:
    """Give the modules the class of each row, as `Model.given` does, but without a look at values that are traced."""
    modules = [module for module in network.modules() if isinstance(module, Conditional)]
    before = [module.labels for module in modules]
    for module in modules:
        module.labels = label
    try:
        yield
    finally:
        for module, old in zip(modules, before, strict=True):
            module.labels = old


Inputs = Callable[[int], tuple[Tensor, ...]]
"""Function from a number of rows to inputs of a network: the rows, and the labels of a conditional model."""


def codes_of(model: Model) -> Inputs:
    """Return a function that draws codes of the prior."""

    def draw(number: int) -> tuple[Tensor, ...]:
        labels = draw_labels(model, number, 0)
        with model.given(None if labels is None else {LABEL: labels}):
            codes = draw_codes(model, number, 0)
        return (codes,) if labels is None else (codes, labels)

    return draw


def samples_of(model: Model) -> Inputs:
    """Return a function that draws samples of a model, each second one with noise, as no decoder returns it."""

    def draw(number: int) -> tuple[Tensor, ...]:
        codes, *labels = codes_of(model)(number)
        with labelled(model, labels[0] if labels else None):
            x = model.sample(codes)
        generator = torch.Generator().manual_seed(number)
        x[1::2] += 0.1 * torch.randn(x[1::2].shape, generator=generator, dtype=torch.float64).to(x)
        return (x, *labels)

    return draw
