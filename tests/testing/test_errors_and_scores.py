"""The laws of reconstruction errors, scores and extractors: each mutant, a part with one mistake, breaks one."""

from dataclasses import dataclass

import pytest
import torch

from genkit.api import ReconstructionError, Score
from genkit.testing import (
    assert_error_is_lawful,
    assert_extractor_is_lawful,
    assert_score_is_lawful,
    small_autoencoder,
)

IMAGES = (2, 6, 6)


@dataclass(frozen=True)
class Absolute(ReconstructionError):
    def __call__(self, x, output, /):
        return (x - output).abs().flatten(1).sum(dim=1)

    def map(self, model, x, output, /):
        return (x - output).abs().sum(dim=1)


class Mean(Absolute):
    def __call__(self, x, output, /):
        return (x - output).abs().flatten(1).mean(dim=1)


class OfTheBatch(Absolute):
    def __call__(self, x, output, /):
        return super().__call__(x, output) / x.std()


class Root(Absolute):
    def __call__(self, x, output, /):
        return (x - output).square().flatten(1).sum(dim=1).sqrt()


class Negative(Absolute):
    def __call__(self, x, output, /):
        return -super().__call__(x, output)


class WholeBatch(Absolute):
    def __call__(self, x, output, /):
        return super().__call__(x, output).sum()


class Noisy(Absolute):
    def __call__(self, x, output, /):
        return super().__call__(x, output) + torch.rand(())


class OtherMap(Absolute):
    def map(self, model, x, output, /):
        return (x - output).abs().mean(dim=1)


class NotFrozen(ReconstructionError):
    def __call__(self, x, output, /):
        return (x - output).abs().flatten(1).sum(dim=1)


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (Mean, "a sum over the sample"),
        (OfTheBatch, "each sample by itself"),
        (Root, "finite gradients"),
        (Negative, "smallest for x itself"),
        (WholeBatch, "one number a sample"),
        (NotFrozen, "one number a sample"),
        (Noisy, "the same again"),
        (OtherMap, "its map adds up"),
    ],
)
def test_a_mutant_of_an_error_breaks_a_law(kind, law):
    model = small_autoencoder(IMAGES, 2)
    assert_error_is_lawful(Absolute(), model)
    with pytest.raises(AssertionError, match=f'{kind.__name__}.* breaks the law "{law}"'):
        assert_error_is_lawful(kind(), model)


@dataclass(frozen=True)
class Worst(Score):
    def __call__(self, model, x, noise, /):
        return self.map(model, x, noise).flatten(1).sum(dim=1)

    def map(self, model, x, noise, /):
        return (x - model.reconstruct(x)).square().sum(dim=1)


class Ranks(Worst):
    def __call__(self, model, x, noise, /):
        return super().__call__(model, x, noise).argsort().argsort().double()


class Standardises(Worst):
    def __call__(self, model, x, noise, /):
        scores = super().__call__(model, x, noise)
        return scores - scores.mean()


class DrawsGlobally(Worst):
    def __call__(self, model, x, noise, /):
        return super().__call__(model, x + 1e-3 * torch.randn_like(x), noise)


class ChangesX(Worst):
    def __call__(self, model, x, noise, /):
        return super().__call__(model, x.clamp_(0, 0.5), noise)


class UpdatesModel(Worst):
    def __call__(self, model, x, noise, /):
        next(model.parameters()).add_(1e-3)
        return super().__call__(model, x, noise)


class OfPixels(Worst):
    def __call__(self, model, x, noise, /):
        return self.map(model, x, noise)


class Infinite(Worst):
    def __call__(self, model, x, noise, /):
        return super().__call__(model, x, noise).log() / 0.0


class MeanMap(Worst):
    def __call__(self, model, x, noise, /):
        return super().__call__(model, x, noise) / 36


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (Ranks, "each sample by itself"),
        (Standardises, "each sample by itself"),
        (DrawsGlobally, "the same again"),
        (ChangesX, "the same again"),
        (UpdatesModel, "the same again"),
        (OfPixels, "one number a sample"),
        (Infinite, "one number a sample"),
        (MeanMap, "its map adds up"),
    ],
)
def test_a_mutant_of_a_score_breaks_a_law(kind, law):
    assert_score_is_lawful(Worst(), small_autoencoder(IMAGES, 2))
    with pytest.raises(AssertionError, match=f'{kind.__name__}.* breaks the law "{law}"'):
        assert_score_is_lawful(kind(), small_autoencoder(IMAGES, 2))


@dataclass(frozen=True)
class Powers:
    degree: int = 2

    @property
    def name(self):
        return f"powers {self.degree}"

    digest = ""

    def unmet(self):
        return ()

    def resize(self, shape):
        return ""

    def width(self, shape):
        return torch.Size(shape).numel()

    def __call__(self, x, /):
        return x.detach().flatten(1) ** self.degree


class BatchNorm(Powers):
    def __call__(self, x, /):
        features = super().__call__(x)
        return (features - features.mean(dim=0)) / (features.std(dim=0, correction=0) + 1)


class Dropout(Powers):
    def __call__(self, x, /):
        return torch.nn.functional.dropout(super().__call__(x), 0.1)


class Clamps(Powers):
    def __call__(self, x, /):
        return super().__call__(x.clamp_(0, 0.5))


class OtherWidth(Powers):
    def width(self, shape):
        return 1


class OneName(Powers):
    name = "powers"


class ShortDigest(Powers):
    digest = "1234"


class NoDigits(Powers):
    digest = "g" * 64


class NoName(Powers):
    name = ""


class NameOnTwoLines(Powers):
    name = "powers\n2"


class ResizeOnTwoLines(Powers):
    def resize(self, shape):
        return "bilinear\n299"


class NotThere(Powers):
    def unmet(self):
        return ("weights.pth: not found",)


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (BatchNorm, "each sample by itself"),
        (Dropout, "the same again"),
        (Clamps, "the same again"),
        (ShortDigest, "facts"),
        (NoDigits, "facts"),
        (NoName, "facts"),
        (NameOnTwoLines, "facts"),
        (ResizeOnTwoLines, "facts"),
        (NotThere, "facts"),
        (OtherWidth, "features"),
        (OneName, "other features have another name"),
    ],
)
def test_a_mutant_of_an_extractor_breaks_a_law(kind, law):
    assert_extractor_is_lawful(Powers(2), None, Powers(3))
    with pytest.raises(AssertionError, match=f'{kind.__name__}.* breaks the law "{law}"'):
        assert_extractor_is_lawful(kind(2), torch.rand(6, 3), kind(3))


def test_a_digest_may_have_any_hexadecimal_digits_and_no_digest_is_one():
    @dataclass(frozen=True)
    class Zeros(Powers):
        digest = "0" * 64

    assert_extractor_is_lawful(Zeros(2), None)
    assert_extractor_is_lawful(Powers(2), None)


def test_features_of_one_sample_show_nothing():
    with pytest.raises(ValueError, match="x has 1 samples"):
        assert_extractor_is_lawful(BatchNorm(2), torch.rand(1, 3))
