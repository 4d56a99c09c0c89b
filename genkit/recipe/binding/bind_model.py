"""The model of a recipe: a network, and two parts of every model that have keys of their own within ``[model]``.

``prior`` is the law of the latent codes, and ``error`` the reconstruction error of an autoencoder. A loaded model needs
the error too, since the error says whether the decoder returns samples or logits. So it belongs to the model and not to
the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from genkit.core.model import Autoencoder, Model
from genkit.core.prior import Prior
from genkit.core.squared_error import SquaredError
from genkit.core.types import Link, ReconstructionError
from genkit.errors import PartMistake
from genkit.part_code import code_of
from genkit.recipe.binding.bind import Binder, Invalid
from genkit.recipe.binding.part_fields import SUPPLIED
from genkit.recipe.text.document import KeyPath

PRIOR, ERROR = "prior", "error"  # keys of [model]; no network has keys of these names


@dataclass(frozen=True)
class BoundPart:
    """A class, and its arguments without those that genkit supplies."""

    target: Callable[..., Any]
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class BoundModel:
    """The network of a recipe and its prior. Nothing has been built yet."""

    network: BoundPart
    prior: BoundPart | None = None  # None: N(0, I)
    error: ReconstructionError | None = None  # None: the recipe names none, and the model has the squared error

    @property
    def link(self) -> Link:
        """How samples follow from the outputs of the decoder."""
        return (self.error or SquaredError()).link

    def build(self, data_shape: tuple[int, ...]) -> Model:
        """Construct the model. The network comes first, so its initial weights do not depend on the prior."""
        model = self.build_network(data_shape)
        self.add_prior(model)
        return model

    def build_network(self, data_shape: tuple[int, ...]) -> Model:
        """Construct the network, with its reconstruction error and the prior N(0, I)."""
        model: Model = self.network.target(**self.network.arguments, data_shape=data_shape)
        if self.error is not None and isinstance(model, Autoencoder):
            model.reconstruction_error = self.error
        return model

    def add_prior(self, model: Model) -> None:
        """Construct the prior, and make it the child `prior` of the model. Raises `PartMistake` if it is none."""
        if self.prior is None:
            return
        prior = self.prior.target(**self.prior.arguments, latent_dim=model.latent_dim)
        if not isinstance(prior, Prior):
            raise PartMistake(f"{code_of(prior)} is not a genkit.api.Prior. Derive the class from Prior")
        model.prior = prior


def bind_model(binder: Binder, table: Any, path: KeyPath) -> BoundModel:
    """Bind ``[model]`` and its parts, each also after a mistake in another. Raises `Invalid`.

    A model without its error can still be checked, so a mistake in the error is recorded, and nothing is raised.
    """
    parts = {key: table[key] for key in (PRIOR, ERROR) if key in table} if isinstance(table, Mapping) else {}
    network = {key: value for key, value in table.items() if key not in parts} if parts else table
    found = [_try_bind(binder, "models", network, path)]
    if PRIOR in parts:
        found.append(_try_bind(binder, "priors", parts[PRIOR], (*path, PRIOR)))
    error = None
    if ERROR in parts:
        with suppress(Invalid):
            error = binder.part("errors", parts[ERROR], (*path, ERROR))
    if found[0] is None or found[-1] is None:
        raise Invalid
    return BoundModel(found[0], found[1] if PRIOR in parts else None, error)


def _try_bind(binder: Binder, kind: str, table: Any, path: KeyPath) -> BoundPart | None:
    try:
        return BoundPart(*binder.prepare(kind, table, path, SUPPLIED[kind]))
    except Invalid:
        return None
