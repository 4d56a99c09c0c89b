"""Small untrained models on which a part is tried if the test gives none: points first, then images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from genkit.bases.priors.mixture import Mixture
from genkit.core.global_generators import seeded_generators
from genkit.core.model import Autoencoder, Model
from genkit.part_code import refuses_its_input
from genkit.parts.models.mlp import MLP
from genkit.parts.models.small_conv import SmallConv
from genkit.testing.law import FAILURES
from genkit.testing.models import small_gan

POINT, GREY, COLOUR = (2,), (1, 16, 16), (3, 32, 32)
LATENT_DIM = 3
T = TypeVar("T")


def autoencoders() -> Iterator[Autoencoder]:
    """Yield autoencoders in float64, of points, of grey and of colour images. They have features."""
    with seeded_generators(0):
        yield MLP(latent_dim=LATENT_DIM, width=8, layers=1, data_shape=POINT).double()
    for shape in (GREY, COLOUR):
        with seeded_generators(0):
            yield SmallConv(latent_dim=LATENT_DIM, channels=(4, 8), hidden=8, norm="none", data_shape=shape).double()


def models(*, learnt_prior: bool = False) -> Iterator[Model]:
    """Yield the autoencoders, then GANs of points and of grey images, with N(0, I) or with a learnt mixture."""
    for model in (*autoencoders(), small_gan(POINT, LATENT_DIM), small_gan(GREY, LATENT_DIM)):
        if learnt_prior:
            with seeded_generators(0):
                model.prior = Mixture(latent_dim=LATENT_DIM, components=4, learnt=True).double()
        yield model


def accepted_autoencoders(use: Callable[[Autoencoder], object]) -> dict[str, Autoencoder]:
    """Return the autoencoder of points and the first one of images, without those that a part refuses, by name."""
    points, *pictures = autoencoders()
    return accepted({"points": [points], "images": pictures}, use)


def accepted(candidates: Mapping[str, Sequence[T]], use: Callable[[T], object]) -> dict[str, T]:
    """Return by name the first candidate of each list that a part does not refuse.

    Lists that it refuses whole are left out; if it refuses all, the first candidate of all is returned, so that a law
    reports the refusal.
    """
    chosen = {name: first_accepted(each, use) for name, each in candidates.items()}
    supported = {name: each for name, each in chosen.items() if _is_accepted(each, use)}
    return supported or dict([*chosen.items()][:1])


def _is_accepted(candidate: T, use: Callable[[T], object]) -> bool:
    try:
        use(candidate)
    except FAILURES as error:
        return not refuses_its_input(error)
    return True


def first_accepted(candidates: Iterable[T], use: Callable[[T], object]) -> T:
    """Return the first candidate that a part can be used on without refusing it; the first one if it refuses all.

    A bug and a mistake are no refusals: the candidate that shows one is returned, so that a law reports it.
    """
    first: list[T] = []
    for candidate in candidates:
        first = first or [candidate]
        if _is_accepted(candidate, use):
            return candidate
    return first[0]
