"""Metrics of features: closed forms, other implementations, and what is refused."""

import itertools
import math
import os
import threading
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
import torch
from scipy.optimize import linear_sum_assignment

from genkit.api import Evaluation, features_of
from genkit.errors import UsageError
from genkit.evaluation import evaluate as evaluation_module
from genkit.evaluation.evaluate import draws, evaluate
from genkit.parts.datasets.cifar10 import CIFAR10
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.datasets.mnist import MNIST
from genkit.parts.datasets.stand_in import StandIn
from genkit.parts.extractors.digits import DigitFeatures
from genkit.parts.extractors.inception import Inception
from genkit.parts.extractors.pixels import Pixels
from genkit.parts.metrics.class_imbalance import ClassImbalance
from genkit.parts.metrics.density_coverage import CoverageMetric, DensityMetric
from genkit.parts.metrics.features import Features
from genkit.parts.metrics.frechet import FID, FrechetDistance, Moments, frechet, moments
from genkit.parts.metrics.kernel import KernelDistance, squared_mmd
from genkit.parts.metrics.precision_recall import PrecisionMetric, RecallMetric
from genkit.parts.metrics.sliced_wasserstein import SlicedWasserstein
from genkit.parts.models.mlp import MLP

DATA = EightGaussians()
OF_FEATURES = [FrechetDistance, KernelDistance, PrecisionMetric, RecallMetric, DensityMetric, CoverageMetric]
OF_SAMPLES = [SlicedWasserstein, ClassImbalance]


@dataclass(frozen=True)
class Chunks:
    x: torch.Tensor
    rows: int = 700

    def __len__(self):
        return len(self.x)

    def __iter__(self):
        return iter(self.x.split(self.rows))


def normal(number, size, seed=0, scale=1.0, shift=0.0):
    return scale * torch.randn(number, size, generator=torch.Generator().manual_seed(seed)) + shift


def evaluation_of(generated, reference):
    return Evaluation(None, DATA, Chunks(generated), Chunks(reference))


def value(metric, generated, reference):
    return metric.compute(evaluation_of(generated, reference))


def spd(size, seed, rank=None):
    x = torch.randn(size, rank or size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return x @ x.T / size


# ---- the Fréchet distance


def test_the_distance_of_gaussians_with_one_basis_is_its_closed_form():
    basis = torch.linalg.qr(spd(6, 0)).Q
    a, b = torch.linspace(0.1, 3, 6).double(), torch.linspace(2, 0.5, 6).double()
    p = Moments(torch.zeros(6).double(), basis * a @ basis.T)
    q = Moments(torch.arange(6).double(), basis * b @ basis.T)
    expected = torch.arange(6).square().sum() + (a.sqrt() - b.sqrt()).square().sum()
    assert frechet(p, q) == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("ranks", [(20, 20), (20, 7), (5, 7)])
def test_the_distance_is_that_of_scipys_root_of_a_matrix(ranks):
    p, q = (Moments(normal(1, 20, seed)[0].double(), spd(20, seed, rank)) for seed, rank in enumerate(ranks))
    root = scipy.linalg.sqrtm((p.covariance @ q.covariance).numpy())
    trace = p.covariance.trace() + q.covariance.trace() - 2 * np.trace(root).real
    expected = ((p.mean - q.mean).square().sum() + trace).item()
    assert frechet(p, q) == pytest.approx(expected, rel=1e-5)
    assert frechet(q, p) == pytest.approx(frechet(p, q), rel=1e-6)


@pytest.mark.parametrize("rank", [20, 3])
def test_the_distance_is_zero_on_itself_and_grows_by_the_square_of_a_shift(rank):
    p = Moments(torch.zeros(20).double(), spd(20, 0, rank))
    moved = Moments(torch.full((20,), 0.5).double(), p.covariance)
    assert 0 <= frechet(p, p) < 1e-6
    assert frechet(p, moved) == pytest.approx(5, rel=1e-6)


@pytest.mark.parametrize("rows", [1, 7, 64, 1000])
def test_moments_are_numpys_whatever_the_chunks(rows):
    x = normal(300, 5, scale=0.01, shift=1e4).double()
    mean, covariance = moments(Chunks(x, rows))
    assert np.allclose(mean, x.numpy().mean(axis=0), rtol=1e-12)
    assert np.allclose(covariance, np.cov(x.numpy().T), rtol=1e-8, atol=1e-12)


def test_samples_of_two_gaussians_have_nearly_the_distance_of_the_gaussians():
    real, fake = normal(60_000, 3, 1), normal(60_000, 3, 2, scale=2, shift=1)
    assert value(FrechetDistance(Pixels()), fake, real) == pytest.approx(3 * (1 + 1), rel=0.02)


@pytest.mark.parametrize("samples", [10, 784])
def test_fewer_samples_than_features_are_refused_with_the_remedy(samples):
    metric = FrechetDistance(Pixels(), samples=samples)
    with pytest.raises(
        ValueError, match=f"samples = {samples} is too few: .* needs 785 at least. Set samples = 785 or more"
    ):
        metric.protocol(Digits(), None)
    assert FrechetDistance(Pixels(), samples=785).protocol(Digits(), None).samples == 785


@pytest.mark.parametrize("samples", [10, 784, 800])
def test_a_split_that_no_number_would_do_for_is_refused_at_once(samples):
    data = StandIn(shape=(1, 28, 28), size=784)
    told = (
        "the 784 samples of the train split are too few: .* needs 785 at least. Take features that are fewer, or the k"
    )
    with pytest.raises(ValueError, match=told):
        FrechetDistance(Pixels(), samples=samples, split="train").protocol(data, None)


def test_only_the_published_network_gives_an_fid(tmp_path):
    for features in (DigitFeatures(), Pixels()):
        with pytest.raises(ValueError, match=f'features = "{features.name}" gives no FID: .* Use frechet-distance'):
            FID(features)
    metric = FID(Inception(tmp_path / "w.pth"), samples=3000)
    protocol = metric.protocol(StandIn(shape=(3, 16, 16), size=3000), None)
    assert protocol.extractor == "inception-2015-12-05 6726825d" and protocol.quantised and protocol.split == "train"
    assert protocol.resize == "bilinear, without antialiasing, to 299 x 299"
    with pytest.raises(
        ValueError, match="reads grey images and colour images, and samples of the shape .* are no images"
    ):
        metric.protocol(StandIn(shape=(2,), size=3000), None)


# ---- the kernel distance


def test_the_mmd_is_the_sum_over_pairs():
    x, y = normal(6, 4, 0).double(), normal(6, 4, 1, shift=1).double()

    def k(a, b):
        return (float(a @ b) / 4 + 1) ** 3

    pairs = list(itertools.permutations(range(6), 2))
    within = sum(k(s[i], s[j]) for s in (x, y) for i, j in pairs) / len(pairs)
    across = sum(k(a, b) for a in x for b in y) / 36
    assert squared_mmd(x, y) == pytest.approx(within - 2 * across, rel=1e-12)


def test_the_kernel_distance_of_equals_is_zero_on_average_and_may_be_negative():
    metric = KernelDistance(Pixels(), samples=300, subsets=5, subset_size=50)
    found = [value(metric, normal(300, 4, seed), normal(300, 4, 100 + seed)) for seed in range(30)]
    assert min(found) < 0 < max(found)
    assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(len(found))
    assert value(metric, normal(300, 4, 1, shift=1), normal(300, 4, 2)) > 10 * max(found)


def test_one_subset_of_all_samples_is_the_whole_estimate():
    x, y = normal(40, 3, 0), normal(40, 3, 1, shift=0.3)
    metric = KernelDistance(Pixels(), samples=40, subsets=1, subset_size=40)
    assert value(metric, y, x) == pytest.approx(squared_mmd(x.double(), y.double()), rel=1e-9)


def test_a_subset_larger_than_the_samples_is_refused():
    with pytest.raises(ValueError, match="subset_size = 501 is more than the 500 samples .* Set subset_size = 500 or"):
        KernelDistance(Pixels(), samples=500, subset_size=501)


@pytest.mark.parametrize(("samples", "subsets"), [(500, "1 of 500"), (1000, "1 of 1000"), (2000, "100 of 1000")])
def test_a_subset_has_1000_samples_or_all_of_fewer_and_the_protocol_says_so(samples, subsets):
    assert KernelDistance(Pixels(), samples=samples).protocol(DATA, None).details["subsets"] == subsets


# ---- neighbours


def by_hand(real, fake, k):
    """Return precision, recall, density and coverage as their papers define them."""
    distances = torch.cdist(torch.cat([real, fake]).double(), torch.cat([real, fake]).double())
    n = len(real)
    rr, ff, fr = distances[:n, :n], distances[n:, n:], distances[n:, :n]
    radius_real, radius_fake = (own.sort(dim=1).values[:, k] for own in (rr, ff))
    precision = (fr <= radius_real).any(dim=1)
    recall = (radius_fake >= fr.T).any(dim=1)
    density = (fr <= radius_real).double().sum(dim=1) / k
    coverage = fr.min(dim=0).values <= radius_real
    return [each.double().mean().item() for each in (precision, recall, density, coverage)]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_neighbours_are_those_of_the_definitions_whatever_the_blocks(k, monkeypatch):
    monkeypatch.setattr("genkit.parts.metrics.features.BLOCK", 64)
    real, fake = normal(300, 3, 1), normal(300, 3, 2, scale=0.7, shift=0.5)
    found = [
        value(metric(Pixels(), k=k), fake, real)
        for metric in (PrecisionMetric, RecallMetric, DensityMetric, CoverageMetric)
    ]
    assert found == pytest.approx(by_hand(real, fake, k), abs=1e-12)
    assert all(0.2 < each < 1.5 for each in found)


def test_what_lies_on_a_ball_lies_in_it_whatever_rounding_says():
    levels = torch.randint(0, 4, (2, 400, 3), generator=torch.Generator().manual_seed(0))
    real, fake = levels.long()
    rr, fr = ((a[:, None] - b).square().sum(dim=2) for a, b in ((real, real), (fake, real)))  # whole numbers: exact
    radii = rr.sort(dim=1).values[:, 3]
    assert ((fr == radii) & (fr > 0)).any() and (radii == 0).any()
    balls = PrecisionMetric(Pixels(), 400).balls(evaluation_of(fake / 255, real / 255), "reference")
    assert torch.equal(balls.about(Features((fake / 255).numpy())), (fr <= radii).sum(dim=1))
    found = value(CoverageMetric(Pixels(), 400), fake / 255, real / 255)
    assert found == pytest.approx((fr.min(dim=0).values <= radii).double().mean().item(), abs=1e-12)


def test_sets_that_are_apart_share_nothing_and_equal_ones_all():
    real, apart = normal(200, 3, 1), normal(200, 3, 2, shift=100)
    for metric in (PrecisionMetric, RecallMetric, DensityMetric, CoverageMetric):
        assert value(metric(Pixels()), apart, real) == 0
        shared = value(metric(Pixels()), real, real)
        assert shared >= 1 if metric is DensityMetric else shared == 1


def test_one_mode_of_two_is_precise_and_recalls_half():
    real = torch.cat([normal(200, 2, 1), normal(200, 2, 2, shift=50)])
    fake = normal(400, 2, 3)
    assert value(PrecisionMetric(Pixels()), fake, real) > 0.9
    assert value(RecallMetric(Pixels()), fake, real) == pytest.approx(0.5, abs=0.05)
    assert value(CoverageMetric(Pixels()), fake, real) == pytest.approx(0.5, abs=0.05)
    assert value(DensityMetric(Pixels()), fake, real) == pytest.approx(1, abs=0.1)  # it does not see what is missed


def test_more_neighbours_than_samples_are_refused():
    with pytest.raises(
        ValueError, match="k = 5 asks for more neighbours than one of 5 samples has. Set k = 4 or fewer"
    ):
        DensityMetric(Pixels(), samples=5)


# ---- the sliced Wasserstein distance


def test_in_one_dimension_it_is_the_best_assignment():
    x, y = normal(60, 1, 0), normal(60, 1, 1, scale=2, shift=1)
    costs = (x.double() - y.double().T).square().numpy()
    best = costs[linear_sum_assignment(costs)].mean()
    assert value(SlicedWasserstein(projections=3), y, x) == pytest.approx(math.sqrt(best), rel=1e-6)


@pytest.mark.parametrize("size", [1, 2, 30])
def test_a_shift_costs_its_share_of_each_line(size):
    x, shift = normal(50, size, 0), normal(1, size, 1)
    found = value(SlicedWasserstein(projections=4000), x + shift, x)
    assert found == pytest.approx(shift.norm().item() / math.sqrt(size), rel=0.05 if size > 1 else 1e-5)


def test_gaussians_of_other_scale_have_the_closed_form():
    real, fake = normal(20_000, 5, 1), normal(20_000, 5, 2, scale=3)
    assert value(SlicedWasserstein(projections=50), fake, real) == pytest.approx(2, rel=0.02)


def test_it_vanishes_on_equals_in_any_order_and_is_symmetric():
    x, y = torch.rand(64, 1, 6, 5), torch.rand(64, 1, 6, 5)
    metric = SlicedWasserstein(projections=70)
    assert value(metric, x.flip(0), x) == 0
    assert value(metric, x, y) == pytest.approx(value(metric, y, x), rel=1e-12)


# ---- classes


def digits_of(counts):
    images, labels = Digits().arrays
    chosen = np.concatenate([np.flatnonzero(labels == c)[:n] for c, n in enumerate(counts)])
    return torch.from_numpy(images[chosen]).float() / 255


def test_the_imbalance_is_the_distance_of_the_shares():
    even, one, half = digits_of([40] * 10), digits_of([0, 0, 0, 400]), digits_of([80] * 5)
    assert value(ClassImbalance(), even, even) == 0
    assert value(ClassImbalance(), one, even) == pytest.approx(0.9, abs=0.01)
    assert value(ClassImbalance(), half, even) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("data", "found"), [(CIFAR10(path="nowhere"), r"\(3, 32, 32\) are colour images"), (DATA, r"\(2,\) are no images")]
)
def test_the_imbalance_of_what_is_no_digit_is_refused_with_a_remedy_that_it_has(data, found):
    with pytest.raises(ValueError, match=f"reads grey images, and samples of the shape {found}: leave it out"):
        ClassImbalance().protocol(data, None)


def test_digits_have_a_meaningful_distance():
    first, second = digits_of([20] * 10), digits_of([40] * 10)[torch.arange(400) % 40 >= 20]
    blurred = torch.nn.functional.avg_pool2d(second, 5, 1, 2)
    noise = torch.rand(200, 1, 28, 28)
    near, blur, far = (value(FrechetDistance(DigitFeatures()), x, first) for x in (second, blurred, noise))
    assert near < blur / 2 < far / 2


# ---- what all of them share


def metrics():
    small = [m(Pixels(), samples=100, **({"subset_size": 50} if m is KernelDistance else {})) for m in OF_FEATURES]
    return [*small, SlicedWasserstein(samples=100)]


@pytest.mark.parametrize("metric", metrics(), ids=lambda metric: type(metric).__name__)
def test_meaningless_numbers_are_refused_in_words(metric):
    good, nan = normal(100, 2), normal(100, 2)
    nan[3, 1] = math.nan
    for bad, told in (
        (nan, "1 of 100 {} samples are not finite"),
        (torch.ones(100, 2), "all {} samples have the same features: there is no distribution to compare"),
    ):
        with pytest.raises(ValueError, match=told.format("generated")):
            value(metric, bad, good)
        with pytest.raises(ValueError, match=told.format("reference")):
            value(metric, good, bad)


@pytest.mark.parametrize("metric", metrics(), ids=lambda metric: type(metric).__name__)
def test_the_better_of_two_models_is_told(metric):
    real, good, bad = normal(100, 2, 1), normal(100, 2, 2), normal(100, 2, 3, scale=0.1, shift=3)
    better, worse = value(metric, good, real), value(metric, bad, real)
    assert (better < worse) == (metric.better == "lower")


@pytest.mark.parametrize("metric", [*OF_FEATURES, *OF_SAMPLES])
def test_the_protocol_states_what_the_number_is_made_of(metric):
    made = metric(DigitFeatures()) if metric in OF_FEATURES else metric()
    data = MNIST(path="nowhere")
    protocol = made.protocol(data, None)
    extractor = "500 random projections" if metric is SlicedWasserstein else f"digits {DigitFeatures().digest[:8]}"
    assert (protocol.extractor, protocol.quantised, protocol.split) == (extractor, True, "test")
    assert protocol.details and protocol.samples == 5000
    with pytest.raises(ValueError, match="samples = 5000 is more than the 1000 samples of the test split"):
        made.protocol(Digits(), None)


def test_points_are_not_rounded_and_images_are_as_if_saved():
    x = normal(50, 2)
    assert not FrechetDistance(Pixels()).protocol(DATA, None).quantised
    rounded = evaluation_of(x, x)
    assert torch.equal(next(iter(features_of(rounded, "generated", Pixels()))).float(), x)
    images = torch.rand(50, 1, 3, 3) * 1.4 - 0.2
    found = next(iter(features_of(evaluation_of(images, images), "generated", Pixels())))
    assert torch.allclose(found * 255, (found * 255).round(), atol=1e-4)
    assert (
        found.min() == 0 and found.max() == 1 and (found - images.flatten(1).clamp(0, 1)).abs().max() < 0.5 / 255 + 1e-6
    )


# ---- mistakes of a metric


@dataclass(frozen=True)
class Returns(SlicedWasserstein):
    """A metric of a stranger, with a mistake."""

    what: object = None

    def compute(self, evaluation):
        if isinstance(self.what, Exception):
            raise self.what
        return self.what


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (
            KeyError("oops"),
            r"test_metrics_features.Returns failed with KeyError: 'oops' (test_metrics_features.py, line",
        ),
        (RuntimeError("a shape"), "failed with RuntimeError: a shape"),
        (None, "compute returned a NoneType, and a number is one float"),
        ("much", "compute returned a str"),
        (torch.ones(3), "compute returned a Tensor of the shape (3,)"),
        (math.inf, "it came out as inf"),
    ],
)
def test_a_mistake_in_one_metric_costs_that_number_alone(what, told):
    model = MLP(latent_dim=2, width=8, layers=1, data_shape=(2,))
    asked = {"bad": Returns(samples=50, what=what), "good": SlicedWasserstein(samples=50)}
    bad, good = evaluate(asked, DATA, lambda weights: model, 0)
    assert bad.value is None and told in bad.reason and good.value is not None


# ---- once, and once for all


@dataclass(frozen=True)
class Counting(Pixels):
    """Pixels that count, and pass for weights that are worth keeping."""

    seen: list = field(default_factory=list, compare=False, repr=False)
    weights: str = "a" * 64
    power: int = 1

    name = "counting"

    @property
    def digest(self):
        return self.weights

    def __call__(self, x):
        self.seen.append(len(x))
        return x.flatten(1) ** self.power


def test_metrics_that_ask_for_the_same_features_share_them():
    model, extractor = MLP(latent_dim=2, width=8, layers=1, data_shape=(2,)), Counting(weights="")
    asked = {
        m.__name__: m(extractor, samples=100)
        for m in (FrechetDistance, PrecisionMetric, RecallMetric, DensityMetric, CoverageMetric)
    }
    results = evaluate(asked, DATA, lambda weights: model, 0)
    assert all(result.value is not None for result in results)
    assert sum(extractor.seen) == 200
    evaluate({**asked, "more": FrechetDistance(extractor, samples=150)}, DATA, lambda weights: model, 0)
    assert sum(extractor.seen) == 200 + 200 + 300  # other samples are others


def test_features_of_one_name_and_other_settings_are_not_shared():
    x, y = normal(60, 2), normal(60, 2, seed=1)
    evaluation, squares = evaluation_of(x, y), Counting(power=2)
    for side, of in (("generated", x), ("reference", y)):  # in memory, and on disk
        features_of(evaluation, side, Counting())
        assert np.array_equal(features_of(evaluation, side, squares).rows, of**2)
    assert not torch.equal(
        *(PrecisionMetric(f, 60).balls(evaluation, "reference").squared_radii for f in (Counting(), squares))
    )


def cached(monkeypatch, folder):
    monkeypatch.setenv("GENKIT_CACHE", str(folder))
    return folder / "features"


def reference_features(extractor, x):
    return features_of(evaluation_of(x, x), "reference", extractor).rows


def test_features_of_the_data_are_kept_by_what_they_depend_on(tmp_path, monkeypatch):
    folder, x = cached(monkeypatch, tmp_path), normal(120, 3)
    extractor = Counting()
    first = reference_features(extractor, x)
    assert sum(extractor.seen) == 120 and len(list(folder.glob("*.f32"))) == 1
    assert np.array_equal(reference_features(extractor, x), first) and sum(extractor.seen) == 120
    other = x.clone()
    other[77, 1] += 1e-6
    for changed, of in ((other, extractor), (x[:100], extractor), (x, Counting(extractor.seen, "b" * 64))):
        before = sum(extractor.seen)
        reference_features(of, changed)
        assert sum(extractor.seen) == before + len(changed)
    assert not list(folder.glob("*.partial"))


def test_what_is_cut_short_is_made_anew_and_what_was_killed_is_swept(tmp_path, monkeypatch):
    folder, x, extractor = cached(monkeypatch, tmp_path), normal(120, 3), Counting()
    first = np.array(reference_features(extractor, x))
    (path,) = folder.glob("*.f32")
    os.truncate(path, 100)
    (folder / "dead.partial").write_bytes(b"half")
    assert np.array_equal(reference_features(extractor, x), first)
    assert [p.suffix for p in folder.iterdir() if p.suffix != ".lock"] == [".f32"]


def test_a_bit_that_flips_on_the_disk_is_noticed(tmp_path, monkeypatch):
    folder, x, extractor = cached(monkeypatch, tmp_path), normal(120, 3), Counting()
    first = np.array(reference_features(extractor, x))
    (path,) = folder.glob("*.f32")
    for place in (0, 700, len(path.read_bytes()) - 1):
        content = bytearray(path.read_bytes())
        content[place] ^= 0x40
        path.write_bytes(content)
        assert np.array_equal(reference_features(extractor, x), first)


@pytest.mark.parametrize("width", [2, 4])
@pytest.mark.parametrize("weights", ["", "a" * 64])
def test_an_extractor_that_misstates_its_width_gives_no_number(tmp_path, monkeypatch, width, weights):
    cached(monkeypatch, tmp_path)

    @dataclass(frozen=True)
    class Misstating(Counting):
        def width(self, data_shape):
            return width

    x = normal(120, 3)
    with pytest.raises(ValueError, match=rf"features of the shape \(50, 3\) .* states a width of {width}"):
        features_of(evaluation_of(x, x), "reference", Misstating(weights=weights))


def test_what_is_stopped_leaves_nothing_behind(tmp_path, monkeypatch):
    folder = cached(monkeypatch, tmp_path)

    @dataclass(frozen=True)
    class Stopped(Counting):
        def __call__(self, x):
            raise KeyboardInterrupt

    for side in ("generated", "reference"):
        with pytest.raises(KeyboardInterrupt):
            features_of(evaluation_of(normal(60, 2), normal(60, 2)), side, Stopped())
    assert [p for p in folder.iterdir() if p.suffix != ".lock"] == []


def test_of_two_at_once_one_makes_them(tmp_path, monkeypatch):
    cached(monkeypatch, tmp_path)
    extractor, x, found = Counting(), normal(200, 3), []
    threads = [threading.Thread(target=lambda: found.append(reference_features(extractor, x))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and all(np.array_equal(found[0], other) for other in found)
    assert sum(extractor.seen) == 200


def test_generated_features_leave_no_file(tmp_path, monkeypatch):
    folder = cached(monkeypatch, tmp_path)
    features = features_of(evaluation_of(normal(60, 2), normal(60, 2)), "generated", Counting())
    assert not list(folder.iterdir()) and features.rows.shape == (60, 2)


def test_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GENKIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="features cannot be written: .* Set GENKIT_CACHE to another folder"):
        features_of(evaluation_of(normal(60, 2), normal(60, 2)), "generated", Pixels())


@pytest.mark.parametrize(("shape", "rows"), [((2,), 1000), ((1, 28, 28), 1000), ((3, 64, 64), 341)])
def test_chunks_of_large_samples_are_short(shape, rows):
    model = SimpleNamespace(parameters=lambda: iter([torch.zeros(1)]))
    generated, reference = draws(model, StandIn(shape=shape, size=1500), 1500, 0)
    assert generated.rows == reference.rows == rows == min(1000, evaluation_module.CHUNK_NUMBERS // math.prod(shape))
    if rows == 341:
        assert [len(chunk) for chunk in reference] == [341] * 4 + [136]


def test_reference_samples_are_chosen_at_random_and_for_all_seeds():
    model = SimpleNamespace(parameters=lambda: iter([torch.zeros(1)]))

    @dataclass(frozen=True)
    class Ordered:
        shape = (1,)
        split = "test"
        size = 3000

        def batch(self, indices, noise):
            return SimpleNamespace(x=indices[:, None].float())

    def read(total, seed=0):
        return torch.cat(list(draws(model, Ordered(), total, seed)[1]))[:, 0]

    assert torch.equal(read(3000), torch.arange(3000).float())
    assert torch.equal(read(1500), read(1500, seed=7)) and torch.equal(read(1500)[:1200], read(1200))
    assert len(read(1500).unique()) == 1500 and read(1500).mean().item() == pytest.approx(1500, abs=50)
    with pytest.raises(ValueError, match="the test split has 3000 samples, and the protocol asks for 3001"):
        read(3001)
