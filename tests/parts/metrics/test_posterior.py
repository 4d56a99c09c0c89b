"""Posteriors that are known in closed form: what an encoder must show of itself."""

import json
import math
from dataclasses import dataclass, field

import pytest
import torch
from support.tiny_parts import Blob, Numbered, TinyAutoencoder
from torch import nn
from torch.distributions import Normal, kl_divergence

from genkit.api import GAN, Autoencoder, DiagNormal, Evaluation, EvaluationProtocol, Samples
from genkit.cli.show_results import print_results
from genkit.console.output import Console
from genkit.core.model import evaluating
from genkit.evaluation.evaluate import Result, draws, evaluate, read_results
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.datasets.mnist import MNIST
from genkit.parts.metrics.modes import Modes
from genkit.parts.metrics.posterior import ActiveUnits, PosteriorKL

METRICS = [ActiveUnits(), *(PosteriorKL(of=of) for of in ("real", "rec", "fake"))]


class Affine(nn.Module):
    """q(z|x) = N(a·x + b, s²), a dimension of z for each of x."""

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
    """Draws of N(mean, std²) in the plane, for ever."""

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
    """Return what the metric makes of these chunks of data; there are no samples."""
    with evaluating(model):
        return metric.compute(Evaluation(model, Blob(), [], chunks))


def points(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def closed_form(mean, std, a, b, s):
    """Return E KL(N(a·x + b, s²) || N(0, 1)) for x ~ N(mean, std²), in nats."""
    return 0.5 * ((a * mean + b) ** 2 + (a * std) ** 2 + s**2 - 1 - 2 * math.log(s))


# ---- active units


def test_a_linear_encoder_of_a_gaussian_is_active_where_the_variance_of_its_mean_is_above_the_threshold():
    data = Gaussian(mean=3.0, std=2.0)  # Var(a·x + b) = 4a²
    assert value(ActiveUnits(), autoencoder(a=(1.0, -1.0)), data) == 2
    assert value(ActiveUnits(), autoencoder(a=(0.055, 0.045)), data) == 1  # 0.0121 and 0.0081
    assert value(ActiveUnits(threshold=0.008), autoencoder(a=(0.055, 0.045)), data) == 2


def test_a_collapsed_encoder_has_no_active_unit_whatever_its_mean_and_width():
    assert value(ActiveUnits(), autoencoder(a=(0.0, 0.0), b=(7.3, -1e6), s=(5.0, 0.1)), Gaussian(3.0, 2.0)) == 0
    assert value(ActiveUnits(threshold=1e-9), autoencoder(a=(0.0, 0.0), b=(7.3, -0.1)), Gaussian(3.0, 2.0)) == 0


def test_a_variance_at_the_threshold_is_not_above_it():
    x = points([0, 0], [1, 1])  # the unbiased variance is exactly a²/2
    at, above = 0.5, math.nextafter(0.5, 0)
    assert on_chunks(ActiveUnits(threshold=at), autoencoder(), x) == 0
    assert on_chunks(ActiveUnits(threshold=above), autoencoder(), x) == 2
    assert on_chunks(ActiveUnits(threshold=at), autoencoder(a=(1.0, 1.0000001)), x) == 1


def test_the_variance_is_that_of_all_the_samples_whatever_the_chunks():
    x = torch.randn(101, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + points([4, -4])
    first, second = sorted(x.var(dim=0).tolist())
    for size in (1, 7, 50, 100, 101):
        for variance, above in ((first, 2), (second, 1)):
            assert on_chunks(ActiveUnits(threshold=variance * (1 - 1e-12)), autoencoder(), *x.split(size)) == above
            assert on_chunks(ActiveUnits(threshold=variance * (1 + 1e-12)), autoencoder(), *x.split(size)) == above - 1


def test_data_that_do_not_vary_say_nothing_of_the_posterior():
    same = points([1.0, 2.0]).expand(10, 2)
    with pytest.raises(ValueError, match="all samples of the data are the same"):
        on_chunks(ActiveUnits(), autoencoder(), same, same)
    assert on_chunks(ActiveUnits(threshold=1e-3), autoencoder(), same, points([1.0, 3.0])) == 1


def test_chunks_that_are_constant_within_but_differ_between_them_vary():
    chunks = [points([level, 0.0]).expand(10, 2) for level in (-1.0, 1.0)]
    assert on_chunks(ActiveUnits(), autoencoder(), *chunks) == 1


def test_a_small_variance_beside_a_large_mean_is_not_lost():
    x = torch.randn(3000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = autoencoder(a=(0.11, 0.09), b=(1e8, -1e8))  # variances 0.0121 and 0.0081; squares of the means 1e16
    assert on_chunks(ActiveUnits(), model, *x.split(1000)) == 1


# ---- posterior KL


def test_the_kl_of_data_is_that_of_torch():
    x = torch.randn(57, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    a, b, s = points(1.5, -0.2), points(0.3, 4.0), points(0.05, 2.0)
    expected = kl_divergence(Normal(a * x + b, s.expand(57, 2)), Normal(points(0), points(1))).sum(dim=1).mean().item()
    model = autoencoder(a.tolist(), b.tolist(), s.tolist())
    assert on_chunks(PosteriorKL(), model, *x.split(10)) == pytest.approx(expected, rel=1e-12)


def test_the_kl_of_data_reconstructions_and_samples_has_the_closed_form_of_what_is_encoded():
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


def test_reconstructions_and_samples_are_those_of_the_model_and_of_the_generated_draws():
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


def test_a_posterior_that_is_the_prior_has_no_kl():
    collapsed = autoencoder(a=(0.0, 0.0))
    assert [value(PosteriorKL(of=of), collapsed, Gaussian(3.0, 2.0)) for of in ("real", "rec", "fake")] == [0, 0, 0]


def test_the_sum_is_taken_in_double_precision():
    model = autoencoder(b=(0.0, 1.0)).float()  # ½·(x² + 1) with x = 10,001: beyond the digits of float32
    chunks = torch.tensor([[10_001.0, 0.0]]).expand(8, 2).split(2)
    assert on_chunks(PosteriorKL(), model, *chunks) == pytest.approx(0.5 * (10_001**2 + 1), rel=1e-12)


# ---- what is refused


@pytest.mark.parametrize("metric", METRICS)
def test_a_model_without_an_encoder_is_refused(metric):
    gan = GAN(nn.Linear(2, 2), nn.Linear(2, 1), 2, (2,))
    with pytest.raises(ValueError, match=r"a GAN has no posterior q\(z\|x\); only an autoencoder can be asked: leave"):
        metric.protocol(EightGaussians(), gan)


@pytest.mark.parametrize("part", ["a", "b", "s"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("metric", METRICS)
def test_posteriors_that_are_not_finite_give_a_reason_and_no_number(metric, bad, part):
    model = autoencoder(**{part: (1.0, bad)})
    (result,) = evaluate({"it": metric}, Gaussian(3.0, 2.0), lambda weights: model, 0)
    assert result.value is None and result.reason.startswith("the posteriors of ")
    assert result.reason.endswith(" are not finite")


def test_one_posterior_in_a_late_chunk_is_enough_to_refuse():
    bad = points([0, 0], [math.nan, 0])
    for metric in METRICS[:3]:
        with pytest.raises(ValueError, match=r"the posteriors of .* are not finite"):
            on_chunks(metric, autoencoder(), torch.randn(500, 2), bad)


def test_a_kl_beyond_all_numbers_is_refused():
    model = autoencoder(b=(1e200, 0.0))
    (result,) = evaluate({"it": PosteriorKL()}, Gaussian(0.0, 1.0), lambda weights: model, 0)
    assert result.value is None and "inf" in result.reason


@pytest.mark.parametrize("metric", [ActiveUnits, PosteriorKL])
def test_more_samples_than_the_split_has_are_refused_where_data_are_read(metric):
    model = autoencoder()
    with pytest.raises(ValueError, match="samples = 1001 is more than the 1000 samples of the test split"):
        metric(samples=1001).protocol(Digits(), model)
    assert metric(samples=1000).protocol(Digits(), model).split == "test"
    assert metric(samples=1001, split="train").protocol(Digits(), model).split == "train"
    with pytest.raises(ValueError, match='split = "train" cannot be read'):
        metric(samples=10, split="train").protocol(Digits(split="test"), model)


def test_the_kl_per_dimension_is_a_number_of_its_own():
    model = autoencoder(a=(0.0, 0.0), b=(3.0, 1.0), s=(1.0, 1.0))  # ½μ² nats each
    told = {how: value(PosteriorKL(samples=50, dimensions=how), model, Blob()) for how in ("sum", "mean")}
    assert told == pytest.approx({"sum": 5.0, "mean": 2.5})
    assert len({str(PosteriorKL(dimensions=how).protocol(Blob(), model)) for how in told}) == 2


def test_samples_of_the_model_may_be_more_than_the_data():
    assert PosteriorKL(of="fake", samples=50).protocol(Numbered(), autoencoder()).samples == 50
    assert value(PosteriorKL(of="fake", samples=50), autoencoder(), Numbered()) is not None


def test_a_split_of_samples_of_the_model_is_refused():
    with pytest.raises(ValueError, match='of = "fake" reads no data, so that split = "train" would do nothing'):
        PosteriorKL(of="fake", split="train")


@pytest.mark.parametrize("metric", METRICS)
def test_data_that_are_unmet_are_left_to_the_plan(metric, tmp_path):
    assert metric.protocol(MNIST(path=tmp_path), autoencoder()).split == "test"


# ---- protocols and results


def test_the_protocol_states_whose_posteriors_and_how_they_are_made():
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


def test_a_number_of_no_direction_survives_a_file_and_says_neither_in_the_table(tmp_path, capsys):
    protocol = EvaluationProtocol(10, "test", "raw")
    directions = (None, "lower", "higher")
    results = [Result(f"of-{better}", 1.5, better, protocol) for better in directions]
    (tmp_path / "results.json").write_text(json.dumps([result.as_dict() for result in results]))
    assert read_results(tmp_path / "results.json") == results

    print_results(results, Console())
    rows = [
        line.split("10 samples")[0].split() for line in capsys.readouterr().out.splitlines() if "10 samples" in line
    ]
    assert rows == [
        ["of-None", "1.5"],
        ["of-lower", "1.5", "lower", "is", "better"],
        ["of-higher", "1.5", "higher", "is", "better"],
    ]


def test_more_active_units_are_better_and_a_kl_has_no_direction():
    results = evaluate(
        {"units": ActiveUnits(), "kl": PosteriorKL(), "modes": Modes(samples=10)},
        EightGaussians(),
        lambda weights: autoencoder(),
        0,
    )
    assert [result.better for result in results] == ["higher", None, "higher"]
