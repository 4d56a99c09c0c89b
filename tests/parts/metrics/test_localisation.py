"""Pixel AUROC, pixel AUPRC and Dice of maps: numbers counted by hand, protocols, sharing, and refusals."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
import torch
from support.messages import assert_names
from torch import Tensor, nn

from genkit.api import GAN, Autoencoder, DiagNormal, Noise, Samples
from genkit.bases.metrics.map_chunks import WithMasks
from genkit.core.maps import smoothed
from genkit.core.result import Result
from genkit.evaluation.compute_metrics import evaluate, protocol_of
from genkit.evaluation.draws import draws
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.stroke_digits import StrokeDigits
from genkit.parts.errors.l1 import L1
from genkit.parts.metrics.localisation import Dice, PixelAUPRC, PixelAUROC
from genkit.parts.models.mlp import MLP
from genkit.parts.models.small_conv import SmallConv
from genkit.parts.scores.elbo import ELBO, KL, Error
from genkit.parts.scores.features import Features

STROKES = StrokeDigits()
METRICS = [PixelAUROC(STROKES), PixelAUPRC(STROKES), Dice(STROKES), Dice(STROKES, fpr=0.5)]


def model() -> SmallConv:
    torch.manual_seed(0)
    return SmallConv(latent_dim=4, channels=(8, 8), hidden=12, data_shape=(1, 28, 28))


def result_of(metric, of=None, data=None) -> Result:
    made = of or model()
    (result,) = evaluate({"x": metric}, data or Digits(), lambda weights: made, seed=0)
    return result


def maps_by_hand(total: int, smooth: float = 0.0, score=None) -> tuple[Tensor, Tensor, Tensor]:
    """Return maps and masks of strokes, and maps of held-out digits, as float32."""
    made = model().eval()
    both = torch.cat([*draws(made, WithMasks(STROKES.held_out()), total, 0)[1]])
    normal = torch.cat([*draws(made, Digits().held_out(), total, 0)[1]])
    maps = []
    for x in (both[:, :1], normal):
        with torch.no_grad():
            maps.append(smoothed((x - made.reconstruct(x)).square().sum(dim=1).double(), smooth).float())
    return maps[0], both[:, 1] > 0, maps[1]


@pytest.mark.parametrize("smooth", [0.0, 1.5])
def test_the_numbers_are_those_of_the_pixels_counted_by_hand(smooth):
    maps, masks, normal = maps_by_hand(60, smooth)
    a, n = maps[masks], maps[~masks].sort().values
    wins = torch.searchsorted(n, a).double() + torch.searchsorted(n, a, right=True).double()
    keys = {"smooth": smooth, "other_samples": 60}
    assert result_of(PixelAUROC(STROKES, **keys)).value == pytest.approx((wins / (2 * len(n))).mean().item(), rel=1e-9)
    threshold = normal.flatten().sort().values[-1 - int(0.05 * normal.numel())]
    above = maps > threshold
    expected = 2 * (above & masks).sum().item() / (above.sum() + masks.sum()).item()
    found = result_of(Dice(STROKES, **keys, fpr=0.05, samples=60))
    assert found.value == pytest.approx(expected, rel=1e-9)
    best = max(
        2 * (masks & (maps >= t)).sum().item() / (masks.sum() + (maps >= t).sum()).item()
        for t in a.quantile(torch.linspace(0, 1, 300))
    )
    assert best - 1e-9 <= result_of(Dice(STROKES, **keys)).value <= best + 0.01


@pytest.mark.parametrize("metric", METRICS, ids=repr)
def test_every_metric_has_an_interval_around_its_number(metric):
    result = result_of(replace(metric, other_samples=80))
    low, high = result.interval
    assert 0 <= low < result.value + 1e-3 and result.value - 1e-3 < high <= 1 and result.better == "higher"
    assert result.protocol.split == "test"


def test_a_number_that_no_replicate_changes_has_no_interval():
    result = result_of(Dice(STROKES, fpr=0.05, other_samples=80))
    assert result.value == 0 and result.interval is None  # no pixel of a stroke is above the threshold


def test_a_model_that_removes_strokes_beats_one_that_does_not():
    plain = torch.cat([*draws(model(), Digits().held_out(), 40, 0)[1]])
    both = torch.cat([*draws(model(), WithMasks(STROKES.held_out()), 40, 0)[1]])

    class Healed(Autoencoder):
        """Its reconstruction is the digit without the stroke."""

        def __init__(self):
            super().__init__(nn.Identity(), nn.Identity(), 784, (1, 28, 28))
            self.weight = nn.Parameter(torch.zeros(1))
            self.encoder = Remember(both[:, :1], plain)
            self.decoder = nn.Unflatten(1, (1, 28, 28))

    for metric in (PixelAUROC(STROKES, other_samples=40), PixelAUPRC(STROKES, other_samples=40)):
        assert result_of(metric, Healed()).value == 1
    assert result_of(Dice(STROKES, other_samples=40), Healed()).value == 1
    assert result_of(Dice(STROKES, other_samples=40, fpr=0.01, samples=40), Healed()).value == 1
    assert result_of(PixelAUROC(STROKES, other_samples=40)).value < 0.95


class Remember(nn.Module):
    """Encoder that knows the sample to which each input is to be decoded."""

    def __init__(self, inputs: Tensor, outputs: Tensor):
        super().__init__()
        self.pairs = [(x.flatten(), y.flatten()) for x, y in zip(inputs, outputs, strict=True)]

    def forward(self, x: Tensor) -> DiagNormal:
        found = []
        for each in x.flatten(1):
            known = [y for key, y in self.pairs if torch.equal(key, each)]
            found.append(known[0] if known else each)
        return DiagNormal(torch.stack(found), torch.zeros(len(x), 784))


def test_metrics_of_one_map_share_it():
    calls = []

    @dataclass(frozen=True)
    class Counted(Error):
        def map(self, model, x, noise, /):
            calls.append(len(x))
            return super().map(model, x, noise)

    metrics = {
        "a": PixelAUROC(STROKES, Counted(), other_samples=30),
        "b": PixelAUPRC(STROKES, Counted(), other_samples=30),
        "c": Dice(STROKES, Counted(), other_samples=30),
        "smooth": PixelAUROC(STROKES, Counted(), smooth=1.0, other_samples=30),
    }
    made = model()
    evaluate(metrics, Digits(), lambda weights: made, seed=0)
    assert [call for call in calls if call != 2] == [30, 30]  # maps of two samples are a check


def test_the_protocol_names_the_masks_the_score_the_smoothing_and_the_rate():
    protocol = protocol_of(Dice(STROKES, Features(), smooth=2.0, other_samples=9, fpr=0.1), Digits(), model())
    assert (protocol.samples, protocol.split, protocol.details["fpr"], protocol.details["smooth"]) == (
        *(1000, "test"),
        *(0.1, 2.0),
    )
    assert "9 samples" in protocol.details["other"] and "features" in protocol.details["score"]
    others = [
        Dice(STROKES, other_samples=9),
        Dice(STROKES, other_samples=9, smooth=1.0),
        Dice(STROKES, Features(), other_samples=9),
        Dice(StrokeDigits(width=3.0), other_samples=9),
        Dice(STROKES, other_samples=9, other_split="train"),
    ]
    assert len({repr(protocol_of(metric, Digits(), model())) for metric in others}) == len(others)


def test_a_number_of_another_error_names_it():
    made = model()
    made.reconstruction_error = L1()
    assert "l1" in str(protocol_of(PixelAUROC(STROKES), Digits(), made).details).lower()


@dataclass(frozen=True)
class Marked:
    """Noise with masks of a fixed kind."""

    mask: str = "some"
    shape: tuple[int, ...] = (1, 28, 28)
    size: int = 20
    split: str = field(default="test", init=False)
    has_masks: bool = field(default=True, init=False)

    def unmet(self):
        return ()

    def held_out(self):
        return self

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        x = noise.rand("x", *self.shape)
        match self.mask:
            case "none":
                return Samples(x)
            case "small":
                return Samples(x, {"mask": torch.zeros(len(x), 27, 28)})
            case "empty" | "full":
                return Samples(x, {"mask": torch.full((len(x), 28, 28), self.mask == "full")})
        return Samples(x, {"mask": noise.rand("mask", 28, 28) < 0.1})


@pytest.mark.parametrize(
    ("mask", "named"), [("none", "missing"), ("small", "27"), ("empty", "normal"), ("full", "abnormal")]
)
@pytest.mark.parametrize("metric", [PixelAUROC, PixelAUPRC, Dice])
def test_masks_that_say_nothing_give_no_number(metric, mask, named):
    result = result_of(metric(Marked(mask)))
    assert result.value is None
    assert named in result.reason


def test_some_masks_give_a_number():
    assert 0.4 < result_of(PixelAUROC(Marked()), data=Marked()).value < 0.6


@pytest.mark.parametrize(
    ("metric", "of", "named"),
    [
        (PixelAUROC(Digits()), model, "masked-folder"),
        (PixelAUROC(Marked(shape=(1, 32, 32))), model, "(1, 32, 32)"),
        (PixelAUROC(Marked(size=0)), model, "no samples"),
        (PixelAUROC(Marked(), other_samples=21), model, "other_samples = 20"),
        (PixelAUROC(STROKES, ELBO()), model, "no map"),
        (PixelAUPRC(STROKES, KL()), model, "no map"),
        (Dice(STROKES, Features()), lambda: MLP(latent_dim=2, data_shape=(1, 28, 28)), "positions"),
        (Dice(STROKES), lambda: MLP(latent_dim=2, data_shape=(2,)), "images"),
        (Dice(STROKES), lambda: GAN(nn.Linear(2, 2), nn.Linear(2, 1), 2, (1, 28, 28)), "no encoder"),
        (Dice(STROKES, samples=20), model, "fpr"),
        (Dice(STROKES, fpr=1e-6, samples=1), model, "1,000,000"),
        (Dice(STROKES, fpr=0.1, samples=1001), model, "1000"),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__),
)
def test_what_has_no_meaning_is_refused_before_the_run(metric, of, named):
    with pytest.raises(ValueError) as refused:
        protocol_of(metric, Digits(), of())
    assert_names(refused.value, named)


def test_maps_that_are_not_finite_give_no_number():
    broken = model()
    with torch.no_grad():
        next(broken.decoder.parameters()).fill_(torch.nan)
    result = result_of(PixelAUROC(STROKES, other_samples=10), broken)
    assert result.value is None and "finite" in result.reason
