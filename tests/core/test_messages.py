"""Messages of genkit.core, genkit.errors and genkit.testing, compared with tests/golden/core.txt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from support.tiny_parts import TinyAutoencoder
from torch import Tensor

from genkit.api import EvaluationProtocol, Phase, PhaseLoss
from genkit.core.data_order import indices_of_step
from genkit.core.layers.shapes import image_shape, smallest_map
from genkit.errors import Place, Problem, RecipeError
from genkit.near_miss import near_miss
from genkit.testing import assert_features_are_lawful, assert_gradients_reach_updates, batch_of


@dataclass(frozen=True)
class Flattened:
    """Extractor of the coordinates themselves, times `factor`; the other fields break one assumption each."""

    factor: float = 1.0
    name: str = "flattened"
    digest: str = ""
    missing: tuple[str, ...] = ()
    width_of_all: int = 2
    method: str = ""

    def unmet(self) -> tuple[str, ...]:
        return self.missing

    def resize(self, shape: tuple[int, ...]) -> str:
        return self.method

    def width(self, shape: tuple[int, ...]) -> int:
        return self.width_of_all

    def __call__(self, x: Tensor, /) -> Tensor:
        return self.factor * x.flatten(1)


class EncoderOnly:
    """Loss whose phase also names the decoder, which its total does not depend on."""

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase("vae", ("encoder", "decoder"), lambda model, batch: PhaseLoss(model.encoder(batch.x).mu.sum(), {})),
        )


def message_of(call: Callable[[], object]) -> str:
    with pytest.raises((ValueError, AssertionError)) as error:
        call()
    return str(error.value).partition("\nassert ")[0]


def broken(extractor: Flattened, *others: Flattened, x: Tensor | None = None) -> str:
    samples = torch.ones(4, 2) if x is None else x
    return message_of(lambda: assert_features_are_lawful(extractor, samples, *others))


def test_messages(golden) -> None:
    place = Place("recipes/x.toml", 14, ("loss", "bta_neg"))
    problems = (
        Problem(place, "unknown key." + near_miss("bta_neg", ["beta_neg", "beta_rec"]), "genkit-torch-introvae 0.1.0"),
        Problem(replace(place, option="--set"), "unknown key." + near_miss("x", ["beta_neg", "beta_rec"])),
    )
    model, lawful = TinyAutoencoder(data_shape=(2,)), Flattened()
    weights = torch.ones(4, 2, requires_grad=True)
    messages = {
        "A recipe with two problems": str(RecipeError(problems)).replace("\n", "\n    "),
        "A batch larger than the data": message_of(lambda: indices_of_step(0, 0, 24, 23)),
        "A network of images on points": message_of(lambda: image_shape((2,), (8,))),
        "A network without channels": message_of(lambda: image_shape((1, 28, 28), ())),
        "Images with odd sides": message_of(lambda: smallest_map((3, 30, 48), (8, 16, 32))),
        "Images that are too small": message_of(lambda: smallest_map((1, 3, 5), (8, 8, 8))),
        "A protocol": str(EvaluationProtocol(50, "test", "ema", "batch", "digits 1234", details={"k": 5})),
        "A parameter without gradient": message_of(
            lambda: assert_gradients_reach_updates(EncoderOnly(), model, batch_of(torch.ones(4, 2), 2), step=0)
        ),
        "An extractor whose weights are missing": broken(replace(lawful, missing=("x.pth: not found",))),
        "An extractor without a name": broken(replace(lawful, name="")),
        "An extractor with a wrong digest": broken(replace(lawful, digest="1234")),
        "An extractor with a line break in resize": broken(replace(lawful, method="bicubic\n")),
        "An extractor with a wrong width": broken(replace(lawful, width_of_all=3)),
        "An extractor whose features are not finite": broken(replace(lawful, factor=float("inf"))),
        "An extractor whose features carry a gradient": broken(lawful, x=weights),
        "Two extractors with the same name": broken(lawful, replace(lawful, factor=2.0)),
    }
    golden("core", "\n".join(f"{case}:\n    {message}" for case, message in messages.items()) + "\n")
