"""Laws of extractors of features."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genkit.core.metric import Extractor
from genkit.recipe.trial.draw_finder import refusing_global_draws
from genkit.testing.examples import COLOUR, GREY, POINT, accepted
from genkit.testing.law import Law, assert_finite, assert_same, for_each_case, hold

SHAPES = (POINT, (1, 28, 28), GREY, COLOUR)
SHA256 = re.compile("[0-9a-fA-F]{64}")


def assert_extractor_is_lawful(extractor: Extractor, x: Tensor | None = None, *others: Extractor) -> None:
    """Assert what metrics assume of an extractor, on samples x, (B, *shape), B >= 2.

    - `unmet` is empty, `name` and `resize` are printable, `digest` is a SHA-256 or empty.
    - Features have the shape (B, F) with F = `width`, are finite, and carry no gradient.
    - A second call returns the same features, and x is unchanged.
    - The features of a sample do not depend on the other samples of the batch.
    - Each of `others`, the same extractor with other settings, differs in `name`, `digest` or `resize` if it makes
      different features. Tables rely on it to keep numbers from different features apart.

    Without x it is tried on uniform points, and on the first images that it does not refuse. Raises `ValueError` for a
    single sample, which shows nothing about other samples of its batch.
    """
    if x is not None and len(x) < 2:
        raise ValueError(f"x has {len(x)} samples: give two or more, (B, *shape)")
    chosen = _accepted_samples(extractor) if x is None else {"": x}
    hold(extractor, for_each_case({name: _Trial(extractor, each, others).laws() for name, each in chosen.items()}))


def _accepted_samples(extractor: Extractor) -> dict[str, Tensor]:
    """Return uniform points and images, (8, *shape), without those that the extractor refuses, by name."""
    generator = torch.Generator().manual_seed(0)
    points, *pictures = (torch.rand(8, *shape, generator=generator) for shape in SHAPES)

    def use(x: Tensor) -> None:
        extractor.width(tuple(x.shape[1:]))
        extractor(x)

    return accepted({"points": [points], "images": pictures}, use)


@dataclass(frozen=True)
class _Trial:
    extractor: Extractor
    x: Tensor
    others: tuple[Extractor, ...]

    def laws(self) -> list[Law]:
        return [
            Law("facts", self.facts, "Implement what genkit.api.Extractor documents; get what is missing", basic=True),
            Law(
                "features",
                self.features,
                "Return (B, width) finite numbers, computed under torch.no_grad()",
                basic=True,
            ),
            Law("the same again", self.again, "Put networks into evaluation mode, draw nothing, and do not change x"),
            Law(
                "each sample by itself",
                self.alone,
                "Take no statistic of the batch: use batch norms in evaluation mode",
            ),
            Law(
                "other features have another name",
                self.named_apart,
                "Write every setting that changes the features into name, digest or resize",
            ),
        ]

    def facts(self) -> None:
        extractor, shape = self.extractor, self.shape
        assert not extractor.unmet(), f"unmet: {extractor.unmet()}"
        texts: dict[str, Any] = {
            "name": extractor.name,
            "digest": extractor.digest,
            "resize": extractor.resize(shape),
        }
        for what, text in texts.items():
            assert isinstance(text, str), f"{what}: a {type(text).__name__}, expected a text"
        assert extractor.name and extractor.name.isprintable(), f"name: {extractor.name!r} is empty or not printable"
        assert not extractor.digest or SHA256.fullmatch(extractor.digest), (
            f"digest: {extractor.digest!r} is not a SHA-256 in hexadecimal digits"
        )
        assert extractor.resize(shape).isprintable(), f"resize: {extractor.resize(shape)!r} is not printable"

    def features(self) -> None:
        features, width = self.extractor(self.x.clone()), self.extractor.width(self.shape)
        assert isinstance(features, Tensor), f"features: returned a {type(features).__name__}"
        assert features.shape == (len(self.x), width), (
            f"width: states {width} features a sample, but the features have the shape {tuple(features.shape)}"
        )
        assert_finite(features, "features")
        assert not features.requires_grad, "features: carry a gradient"

    def again(self) -> None:
        before = self.x.clone()
        with refusing_global_draws(self.extractor, "Remove the draw."):
            first, second = self.extractor(self.x), self.extractor(self.x)
        assert_same(second, first, "the features of a second call")
        assert_same(self.x, before, "x after the call")

    def alone(self) -> None:
        features = self.extractor(self.x)
        alone = torch.cat([self.extractor(row) for row in self.x.flip(0).split(1)]).flip(0)
        near = 1e-4 * features.abs().max().item()
        assert_same(alone, features, "the features of single samples", rtol=1e-4, atol=near)

    def named_apart(self) -> None:
        features, width = self.extractor(self.x), self.extractor.width(self.shape)
        for other in self.others:
            try:
                same = other.width(self.shape) == width and torch.equal(other(self.x), features)
            except ValueError:  # it refuses samples of this shape
                continue
            if not same:
                ours, theirs = ((each.name, each.digest, each.resize(self.shape)) for each in (self.extractor, other))
                assert ours != theirs, (
                    f"{other!r} makes other features than {self.extractor!r}, but both have name, digest and resize "
                    f"{ours}"
                )

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.x.shape[1:])


assert_features_are_lawful = assert_extractor_is_lawful  # the name of version 0.1
