"""Networks on torch's meta device, where a tensor has a shape and no content."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.nn.modules.module import register_module_parameter_registration_hook

from genkit.core.model import Model
from genkit.errors import PartMistake
from genkit.part_code import code_of

MOST_TENSORS = 10_000  # parameters of a network; one of hundreds of layers has hundreds


def network_on_meta(build: Callable[[], Model]) -> Model:
    """Return the model that a function builds, on the meta device.

    Raises `PartMistake` if it is no `Model`, and `ValueError` if it has more than `MOST_TENSORS` parameters.
    """
    with torch.device("meta"), _at_most_tensors():
        model = build()
    if not isinstance(model, Model):
        raise PartMistake(f"{code_of(model)} is no genkit.api.Model. Derive the class from Model, Autoencoder or GAN")
    return model


@contextmanager
def _at_most_tensors() -> Iterator[None]:
    """Raise `ValueError` once the block has made `MOST_TENSORS` parameters: a step of such a network would not end."""
    made = itertools.count(1)

    def count(*_: object) -> None:
        if next(made) > MOST_TENSORS:
            raise ValueError(f"a network of more than {MOST_TENSORS:,} parameter tensors. Use fewer layers")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()
