"""The model of a recipe: a network, and the prior of its latent codes from the table ``prior`` within ``[model]``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from genkit.core.model import Model
from genkit.core.prior import Prior
from genkit.part_code import code_of
from genkit.recipe.bind import Binder, Invalid
from genkit.recipe.document import KeyPath
from genkit.recipe.part_fields import SUPPLIED

PRIOR = "prior"  # key of [model]; no network has a key of this name


@dataclass(frozen=True)
class BoundPart:
    """A class, and its arguments without those that genkit supplies."""

    target: Callable[..., Any]
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class BoundModel:
    """The network of a recipe and its prior. Nothing has been built yet."""

    network: BoundPart
    prior: BoundPart | None  # None: N(0, I)

    def build(self, data_shape: tuple[int, ...]) -> Model:
        """Construct the model. The network comes first, so its initial weights do not depend on the prior."""
        model = self.build_network(data_shape)
        self.add_prior(model)
        return model

    def build_network(self, data_shape: tuple[int, ...]) -> Model:
        """Construct the network, with the prior N(0, I)."""
        model: Model = self.network.target(**self.network.arguments, data_shape=data_shape)
        return model

    def add_prior(self, model: Model) -> None:
        """Construct the prior, and make it the child `prior` of the model. Raises `ValueError` if it is none."""
        if self.prior is None:
            return
        prior = self.prior.target(**self.prior.arguments, latent_dim=model.latent_dim)
        if not isinstance(prior, Prior):
            raise ValueError(f"{code_of(prior)} is not a genkit.api.Prior. Derive the class from Prior")
        model.prior = prior


def bind_model(binder: Binder, table: Any, path: KeyPath) -> BoundModel:
    """Bind ``[model]`` and ``[model.prior]``, both also after a mistake in the other. Raises `Invalid`."""
    written = isinstance(table, Mapping) and PRIOR in table
    network = {key: value for key, value in table.items() if key != PRIOR} if written else table
    found = [_try_bind(binder, "models", network, path)]
    if written:
        found.append(_try_bind(binder, "priors", table[PRIOR], (*path, PRIOR)))
    if found[0] is None or found[-1] is None:
        raise Invalid
    return BoundModel(found[0], found[1] if written else None)


def _try_bind(binder: Binder, kind: str, table: Any, path: KeyPath) -> BoundPart | None:
    try:
        return BoundPart(*binder.prepare(kind, table, path, SUPPLIED[kind]))
    except Invalid:
        return None
