"""Active units and posterior KL: encoders whose posteriors have a closed form."""

import json
import math
from dataclasses import dataclass, field

import pytest
import torch
from support.messages import assert_names
from support.tiny_parts import Blob, Numbered, TinyAutoencoder
from torch import nn
from torch.distributions import Normal, kl_divergence

from genkit.api import GAN, Autoencoder, DiagNormal, Evaluation, EvaluationProtocol, Samples
from genkit.console.output import Console
from genkit.core.metric import number_text
from genkit.core.model import evaluating
from genkit.core.result import Result
from genkit.evaluation.compute_metrics import evaluate
from genkit.evaluation.draws import draws
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.datasets.mnist import MNIST
from genkit.parts.metrics.modes import Modes
from genkit.parts.metrics.posterior import ActiveUnits, PosteriorKL
from genkit.runs.on_disk.results import read_results
from genkit.runs.results_report import print_results

METRICS = [ActiveUnits(), *(PosteriorKL(of=of) for of in ("real", "rec", "fake"))]


class Affine(nn.Module):
    """q(z|x) = N(a·x + b, s²), with a dimension of z for each of x."""

    def __init__(self, a, b, s):
        super().__init__()
        self.a, self.b, self.s = (nn.Parameter(torch.tensor(value, dtype=torch.float64)) for value in (a, b, s))

    def forward(self, x):
        mu = self.a * x + self.b
        return DiagNormal(mu, (2 * self.s.log()).expand_as(mu))


class Scale(nn.Module):
    def __init__(self, by):
        super().__init__()
        self.by = by

    def forward(self, z):
        return self.by * z


@dataclass(frozen=True)
class Gaussian:
    """Draws of N(mean, std²) in 2-D, without end."""

    mean: float
    std: float
    shape: tuple = (2,)
    split: str = "drawn"
    size: None = field(default=None)

    def unmet(self):
        return ()

    def held_out(self):
        return self

    def batch(self, indices, noise):
        return Samples(self.mean + self.std * noise.randn("x", 2))


def autoencoder(a=(1.0, 1.0), b=(0.0, 0.0), s=(1.0, 1.0), decode=1.0):
    return Autoencoder(Affine(a, b, s), Scale(decode), 2, (2,))


def value(metric, model, data):
    (result,) = evaluate({"it": metric}, data, lambda weights: model, 0)
    return result.value


def on_chunks(metric, model, *chunks):
    """Return the value of the metric for these chunks of data, without generated samples."""
    with evaluating(model):
        return metric.compute(Evaluation(model, Blob(), [], chunks))


def points(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def closed_form(mean, std, a, b, s):
    """Return E KL(N(a·x + b, s²) || N(0, 1)) for x ~ N(mean, std²), in nats."""
    return 0.5 * ((a * mean + b) ** 2 + (a * std) ** 2 + s**2 - 1 - 2 * math.log(s))


# Active units


def test_a_unit_is_active_if_the_variance_of_its_mean_is_above_the_threshold():
    data = Gaussian(mean=3.0, std=2.0)  # Var(a·x + b) = 4a²
    assert value(ActiveUnits(), autoencoder(a=(1.0, -1.0)), data) == 2
    assert value(ActiveUnits(), autoencoder(a=(0.055, 0.045)), data) == 1  # 0.0121 and 0.0081
    assert value(ActiveUnits(threshold=0.008), autoencoder(a=(0.055, 0.045)), data) == 2


def test_a_collapsed_encoder_has_no_active_units():
    assert value(ActiveUnits(), autoencoder(a=(0.0, 0.0), b=(7.3, -1e6), s=(5.0, 0.1)), Gaussian(3.0, 2.0)) == 0
    assert value(ActiveUnits(threshold=1e-9), autoencoder(a=(0.0, 0.0), b=(7.3, -0.1)), Gaussian(3.0, 2.0)) == 0


def test_a_unit_with_a_variance_at_the_threshold_is_not_active():
    x = points([0, 0], [1, 1])  # the unbiased variance is exactly a²/2
    at, above = 0.5, math.nextafter(0.5, 0)
    assert on_chunks(ActiveUnits(threshold=at), autoencoder(), x) == 0
    assert on_chunks(ActiveUnits(threshold=above), autoencoder(), x) == 2
    assert on_chunks(ActiveUnits(threshold=at), autoencoder(a=(1.0, 1.0000001)), x) == 1


def test_the_variance_does_not_depend_on_the_chunks():
    x = torch.randn(101, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + points([4, -4])
    first, second = sorted(x.var(dim=0).tolist())
    for size in (1, 7, 50, 100, 101):
        for variance, above in ((first, 2), (second, 1)):
            assert on_chunks(ActiveUnits(threshold=variance * (1 - 1e-12)), autoencoder(), *x.split(size)) == above
            assert on_chunks(ActiveUnits(threshold=variance * (1 + 1e-12)), autoencoder(), *x.split(size)) == above - 1


def test_data_that_do_not_vary_are_refused():
    same = points([1.0, 2.0]).expand(10, 2)
    with pytest.raises(ValueError) as refused:
        on_chunks(ActiveUnits(), autoencoder(), same, same)
    assert_names(refused.value, "samples", "same")
    assert on_chunks(ActiveUnits(threshold=1e-3), autoencoder(), same, points([1.0, 3.0])) == 1


def test_different_chunks_of_equal_samples_vary():
    chunks = [points([level, 0.0]).expand(10, 2) for level in (-1.0, 1.0)]
    assert on_chunks(ActiveUnits(), autoencoder(), *chunks) == 1


def test_a_small_variance_with_a_large_mean_is_measured_exactly():
    x = torch.randn(3000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = autoencoder(a=(0.11, 0.09), b=(1e8, -1e8))  # variances 0.0121 and 0.0081; squares of the means 1e16
    assert on_chunks(ActiveUnits(), model, *x.split(1000)) == 1


# Posterior KL


def test_the_kl_of_data_agrees_with_torch():
    x = torch.randn(57, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    a, b, s = points(1.5, -0.2), points(0.3, 4.0), points(0.05, 2.0)
    expected = kl_divergence(Normal(a * x + b, s.expand(57, 2)), Normal(points(0), points(1))).sum(dim=1).mean().item()
    model = autoencoder(a.tolist(), b.tolist(), s.tolist())
    assert on_chunks(PosteriorKL(), model, *x.split(10)) == pytest.approx(expected, rel=1e-12)


def test_the_kl_of_data_reconstructions_and_samples_has_a_closed_form():
    a, b, s, decode = 0.8, 0.4, 0.3, 1.5
    model = autoencoder((a, a), (b, b), (s, s), decode)
    encoded = {  # mean and standard deviation of y
        "real": (2.0, 0.5),
        "rec": (decode * (a * 2.0 + b), decode * a * 0.5),
        "fake": (0.0, decode),
    }
    for of, (mean, std) in encoded.items():
        measured = value(PosteriorKL(of=of, samples=40_000), model, Gaussian(2.0, 0.5))
        assert measured == pytest.approx(2 * closed_form(mean, std, a, b, s), rel=0.01), of


def test_reconstructions_and_generated_samples_are_encoded():
    torch.manual_seed(0)
    model = TinyAutoencoder(data_shape=(2,)).double()
    generated, reference = draws(model, Blob(), 2500, seed=4)
    with evaluating(model):
        x, fakes = torch.cat(list(reference)), torch.cat(list(generated))
        inputs = {"real": x, "rec": model.reconstruct(x), "fake": fakes}
        for of, y in inputs.items():
            mu, logvar = model.encoder(y)
            expected = kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(points(0), points(1))).sum(dim=1).mean()
            measured = PosteriorKL(of=of).compute(Evaluation(model, Blob(), generated, reference))
            assert measured == pytest.approx(expected.item(), rel=1e-12), of
    assert not torch.allclose(inputs["real"], inputs["rec"])


def test_a_posterior_equal_to_the_prior_has_a_kl_of_zero():
    collapsed = autoencoder(a=(0.0, 0.0))
    assert [value(PosteriorKL(of=of), collapsed, Gaussian(3.0, 2.0)) for of in ("real", "rec", "fake")] == [0, 0, 0]


def test_the_kl_is_summed_in_double_precision():
    model = autoencoder(b=(0.0, 1.0)).float()  # ½·(x² + 1) with x = 10,001 needs more digits than float32 has
    chunks = torch.tensor([[10_001.0, 0.0]]).expand(8, 2).split(2)
    assert on_chunks(PosteriorKL(), model, *chunks) == pytest.approx(0.5 * (10_001**2 + 1), rel=1e-12)


# Refusals


@pytest.mark.parametrize("metric", METRICS)
def test_a_model_without_an_encoder_is_refused(metric):
    gan = GAN(nn.Linear(2, 2), nn.Linear(2, 1), 2, (2,))
    with pytest.raises(ValueError) as refused:
        metric.protocol(EightGaussians(), gan)
    assert_names(refused.value, "the model", "posterior", "autoencoder")


@pytest.mark.parametrize("part", ["a", "b", "s"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("metric", METRICS)
def test_posteriors_that_are_not_finite_give_a_reason_and_no_value(metric, bad, part):
    model = autoencoder(**{part: (1.0, bad)})
    (result,) = evaluate({"it": metric}, Gaussian(3.0, 2.0), lambda weights: model, 0)
    assert result.value is None
    assert_names(result.reason, "posteriors", "not finite")


def test_a_single_posterior_in_a_late_chunk_that_is_not_finite_is_refused():
    bad = points([0, 0], [math.nan, 0])
    for metric in METRICS[:3]:
        with pytest.raises(ValueError) as refused:
            on_chunks(metric, autoencoder(), torch.randn(500, 2), bad)
        assert_names(refused.value, "posteriors", "not finite")


def test_an_infinite_kl_is_refused():
    model = autoencoder(b=(1e200, 0.0))
    (result,) = evaluate({"it": PosteriorKL()}, Gaussian(0.0, 1.0), lambda weights: model, 0)
    assert result.value is None and "inf" in result.reason


@pytest.mark.parametrize("metric", [ActiveUnits, PosteriorKL])
def test_more_samples_than_the_split_has_are_refused(metric):
    model = autoencoder()
    with pytest.raises(ValueError) as refused:
        metric(samples=1001).protocol(Digits(), model)
    assert_names(refused.value, "samples = 1001 ", "test split", "Set samples = 1000 ")
    assert metric(samples=1000).protocol(Digits(), model).split == "test"
    assert metric(samples=1001, split="train").protocol(Digits(), model).split == "train"
    with pytest.raises(ValueError) as refused:
        metric(samples=10, split="train").protocol(Digits(split="test"), model)
    assert_names(refused.value, 'split = "train"', "test split")


def test_the_kl_per_dimension_has_another_protocol():
    model = autoencoder(a=(0.0, 0.0), b=(3.0, 1.0), s=(1.0, 1.0))  # ½μ² nats each
    values = {how: value(PosteriorKL(samples=50, dimensions=how), model, Blob()) for how in ("sum", "mean")}
    assert values == pytest.approx({"sum": 5.0, "mean": 2.5})
    assert len({str(PosteriorKL(dimensions=how).protocol(Blob(), model)) for how in values}) == 2


def test_the_kl_of_generated_samples_does_not_need_as_many_data():
    assert PosteriorKL(of="fake", samples=50).protocol(Numbered(), autoencoder()).samples == 50
    assert value(PosteriorKL(of="fake", samples=50), autoencoder(), Numbered()) is not None


def test_the_kl_of_generated_samples_refuses_a_train_split():
    with pytest.raises(ValueError) as refused:
        PosteriorKL(of="fake", split="train")
    assert_names(refused.value, 'of = "fake"', 'split = "train"')


@pytest.mark.parametrize("metric", METRICS)
def test_missing_data_are_not_refused_here(metric, tmp_path):
    assert metric.protocol(MNIST(path=tmp_path), autoencoder()).split == "test"


# Protocols and results


def test_the_protocol_states_what_is_encoded():
    details = {
        of: PosteriorKL(of=of, samples=9).protocol(Digits(), autoencoder()).details for of in ("real", "rec", "fake")
    }
    assert [details[of]["of"] for of in details] == ["data x", "reconstructions D(μ(x))", "samples D(z)"]
    assert details["rec"]["reconstruction"] == "of the posterior mean, where the training draws z"
    assert [of for of in details if "range" in details[of]] == ["rec", "fake"]
    assert "range" not in PosteriorKL(of="rec").protocol(Blob(), autoencoder()).details
    protocol = ActiveUnits(weights="ema").protocol(Blob(), autoencoder())
    assert (protocol.samples, protocol.split, protocol.weights) == (5000, "drawn", "ema")
    assert protocol.details == {"latent dimensions": 2, "threshold": 0.01}
    assert number_text(1.0, ActiveUnits(), protocol) == "1 of 2"


def test_a_result_without_a_direction_is_read_back_and_printed_without_one(tmp_path, capsys):
    protocol = EvaluationProtocol(10, "test", "raw")
    directions = (None, "lower", "higher")
    results = [Result(f"of-{better}", 1.5, better, protocol) for better in directions]
    (tmp_path / "results.json").write_text(json.dumps([result.as_dict() for result in results]))
    assert read_results(tmp_path / "results.json") == results

    print_results(results, "raw", Console())
    numbers, protocols = capsys.readouterr().out.split("how each number is made")
    rows = [line.split() for line in numbers.splitlines() if line.startswith("of-")]
    assert protocols.count("10 samples") == 1
    assert rows == [
        ["of-None", "1.5"],
        ["of-lower", "1.5", "lower", "is", "better"],
        ["of-higher", "1.5", "higher", "is", "better"],
    ]


def test_more_active_units_are_better_and_a_kl_has_no_better_direction():
    results = evaluate(
        {"units": ActiveUnits(), "kl": PosteriorKL(), "modes": Modes(samples=10)},
        EightGaussians(),
        lambda weights: autoencoder(),
        0,
    )
    assert [result.better for result in results] == ["higher", None, "higher"]
