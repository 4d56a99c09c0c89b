"""Base classes of networks: `Model`, and its two common forms `Autoencoder` and `GAN`.

The children of a model are its parameter groups. A phase names the children that it updates, and each child has its
optimiser in ``[optimiser.CHILD]``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genkit.core.condition import LABEL, ClassFacts, Conditional, check_range, draw_labels, labels_in
from genkit.core.diag_normal import DiagNormal
from genkit.core.noise import Noise
from genkit.core.prior import Prior, StandardNormal
from genkit.core.squared_error import SquaredError
from genkit.core.types import ReconstructionError


class Model(nn.Module, ABC):
    """Generative model of samples of shape `data_shape`, decoded from codes of dimension `latent_dim` (L).

    Its child `prior` is the law of the codes: that of ``[model.prior]``, or else N(0, I).
    """

    latent_dim: int
    data_shape: tuple[int, ...]
    prior: Prior
    class_facts: ClassFacts | None = None
    """Classes of the training data, if the model is conditional; genkit sets them."""

    @abstractmethod
    def sample(self, z: Tensor) -> Tensor:
        """Map codes z, (B, L), to samples, (B, *data_shape)."""

    @property
    def condition_classes(self) -> int | None:
        """The number of classes that the model distinguishes; None unless it is conditional.

        Raises `ValueError` if its modules have different numbers.
        """
        numbers = sorted({module.classes for module in self._conditional_modules()})
        if len(numbers) > 1:
            raise ValueError(
                f"parts of the model have different numbers of classes: {' and '.join(map(str, numbers))}. Set "
                "`classes` of the network and of the prior to the same number"
            )
        return numbers[0] if numbers else None

    @property
    def needs_class(self) -> bool:
        """Whether a network of the model refuses rows whose class is not given."""
        return any(module.needs_class for module in self._conditional_modules())

    @contextmanager
    def given(self, extra: Mapping[str, Tensor] | None, *beside: nn.Module) -> Iterator[None]:
        """Run the block with a condition: ``extra["label"]``, (B,), has the class of each row that the model computes.

        Within the block every call of the prior and of the networks has these B rows in this order. None is no
        condition: the prior is then that of all classes, and conditional networks refuse. A model that is not
        conditional ignores `extra`. Networks `beside` the model, such as targets, get the condition too. Raises
        `ValueError` if `extra` lacks the labels, or has one that is no class.
        """
        modules = self._conditional_modules(*beside)
        labels = None
        if modules and extra is not None:
            labels = labels_in(extra)
            if labels.device.type == "cpu":  # those on a GPU have been checked before: asking would wait for it
                check_range(labels, min(module.classes for module in modules))
        before = [module.labels for module in modules]
        for module in modules:
            module.labels = labels
        try:
            yield
        finally:
            for module, old in zip(modules, before, strict=True):
                module.labels = old

    @property
    def given_labels(self) -> Tensor | None:
        """The class of each row of the present block, (B,) int64; None without a condition."""
        return next((module.labels for module in self._conditional_modules()), None)

    def given_rows(self, extra: Mapping[str, Tensor]) -> Callable[[slice], AbstractContextManager[None]]:
        """Return `given` as a function of some rows of `extra`, for code that computes a few rows at a time.

        The tensors of `extra` are (N, ...), for all rows. An empty `extra` is no condition.
        """
        return lambda rows: self.given({name: tensor[rows] for name, tensor in extra.items()} or None)

    def draw_condition(self, noise: Noise) -> Mapping[str, Tensor]:
        """Return a condition for each row of the noise, (B,) int64: classes with the frequencies of the training data.

        A model that is not conditional draws nothing.
        """
        classes = self.condition_classes
        if classes is None:
            return {}
        return {LABEL: draw_labels((self.class_facts or ClassFacts.equal(classes)).frequencies, noise)}

    def _conditional_modules(self, *beside: nn.Module) -> list[Conditional]:
        modules = (module for network in (self, *beside) for module in network.modules())
        return [module for module in modules if isinstance(module, Conditional)]

    def __getattr__(self, name: str) -> Tensor | nn.Module:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name != "prior":
                raise
            # N(0, I) has no tensors, so it need not be a child, and a constructor need not know of it.
            return vars(self).setdefault(name, StandardNormal(latent_dim=self.latent_dim))


class Autoencoder(Model):
    """Model with the children `encoder`, x -> `DiagNormal`, and `decoder`, (B, L) -> (B, *data_shape).

    `reconstruction_error` compares samples with outputs of the decoder, and says what these outputs are: samples, or
    their logits. `as_sample` is the only function that turns outputs into samples.
    """

    encoder: nn.Module
    decoder: nn.Module
    reconstruction_error: ReconstructionError = SquaredError()
    """Error of a reconstruction; genkit sets that of the recipe, [model.error]."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, latent_dim: int, data_shape: tuple[int, ...]):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.latent_dim = latent_dim
        self.data_shape = tuple(data_shape)

    def sample(self, z: Tensor) -> Tensor:
        """Decode z, (B, L) -> (B, *data_shape)."""
        return self.as_sample(self.decoder(z))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Decode the posterior mean of x, (B, *data_shape) -> (B, *data_shape)."""
        posterior: DiagNormal = self.encoder(x)
        return self.as_sample(self.decoder(posterior.mu))

    def encode(self, x: Tensor, extra: Mapping[str, Tensor] | None = None) -> DiagNormal:
        """Return q(z|x) of samples x, (B, *data_shape), with the condition `extra`; None keeps that of the block."""
        with nullcontext() if extra is None else self.given(extra):
            posterior: DiagNormal = self.encoder(x)
            return posterior

    def decode(self, z: Tensor, extra: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the samples that codes z, (B, L), decode to, with the condition `extra`, like `encode`."""
        with nullcontext() if extra is None else self.given(extra):
            return self.sample(z)

    def error(self, x: Tensor, output: Tensor) -> Tensor:
        """Return the reconstruction error R(x, output) of each sample, (B, *data_shape) twice -> (B,).

        `output` is what the decoder returns, x a sample.
        """
        return self.reconstruction_error.of(self)(x, output)

    def as_sample(self, output: Tensor) -> Tensor:
        """Return the samples that outputs of the decoder stand for, (B, *data_shape)."""
        return output.sigmoid() if self.reconstruction_error.link == "sigmoid" else output

    def features(self, x: Tensor) -> Sequence[Tensor]:
        """Return what the encoder computes from x on its way to the posterior, from the pixels on, each (B, ...).

        The second dimension of each level is that of the channels. A network that has features overrides this method.
        Raises `ValueError` for other networks.
        """
        raise ValueError(
            f"{type(self).__name__} does not say what its features are. Implement Autoencoder.features, or use "
            "another network, such as small-conv"
        )


class GAN(Model):
    """Model with the children `generator`, (B, L) -> (B, *data_shape), and `critic`, x -> (B,)."""

    generator: nn.Module
    critic: nn.Module

    def __init__(self, generator: nn.Module, critic: nn.Module, latent_dim: int, data_shape: tuple[int, ...]):
        super().__init__()
        self.generator = generator
        self.critic = critic
        self.latent_dim = latent_dim
        self.data_shape = tuple(data_shape)

    def sample(self, z: Tensor) -> Tensor:
        """Generate samples from z, (B, L) -> (B, *data_shape)."""
        return self.generator(z)


@dataclass(frozen=True)
class NetworkBuilder:
    """A network within the table of another one: its class and its keys."""

    target: Callable[..., Model]
    keys: Mapping[str, Any]

    def build(self, data_shape: tuple[int, ...], **changes: Any) -> Model:
        """Construct the network, with other values of some keys."""
        return self.target(**{**self.keys, **changes}, data_shape=data_shape)


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """Run the block in evaluation mode and without gradients, then restore the mode of each module."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
