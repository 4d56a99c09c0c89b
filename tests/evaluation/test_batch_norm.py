"""The three modes of batch norm: the statistics that norms hold in each mode, and that the model is not changed."""

from __future__ import annotations

import json

import pytest
import torch
from support.commands import IMAGES, TINY, genkit, refused, write_recipe
from support.messages import assert_names
from torch import Tensor, nn

from genkit.api import GAN, Autoencoder, DiagNormal, EvaluationProtocol, Noise, Rows
from genkit.bases.metrics.model_metric import ModelMetric
from genkit.core.data_order import indices_of_step
from genkit.core.layers.norm import SyncBatchNorm
from genkit.core.model import Model, evaluating
from genkit.errors import RecipeError
from genkit.evaluation.batch_norm import (
    RECALIBRATION_BATCH,
    RECALIBRATION_SAMPLES,
    BatchNormModes,
    complete_protocol,
    norms_of,
    recalibrated_statistics,
    using_statistics,
)
from genkit.evaluation.compute_metrics import evaluate, protocol_of
from genkit.hooks import KINDS
from genkit.parts import builtin
from genkit.parts.datasets.digits import Digits
from genkit.parts.metrics.modes import Modes
from genkit.parts.metrics.reconstruction import ReconstructionErrorMetric
from genkit.recipe.installed.registry import Owner, Registry
from genkit.recipe.plan import make_plan

pytestmark = pytest.mark.trains

LATENT = 3


class Encoder(nn.Module):
    def __init__(self, norm: type[nn.BatchNorm2d]) -> None:
        super().__init__()
        self.norm, self.linear = norm(1), nn.Linear(784, 2 * LATENT)

    def forward(self, x: Tensor) -> DiagNormal:
        return DiagNormal(*self.linear(self.norm(x).flatten(1)).chunk(2, dim=1))


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(LATENT), nn.Linear(LATENT, 784)

    def forward(self, z: Tensor) -> Tensor:
        return self.linear(self.norm(z)).unflatten(1, (1, 28, 28))


def model(norm: type[nn.BatchNorm2d] = nn.BatchNorm2d) -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(Encoder(norm), Decoder(), LATENT, (1, 28, 28)).double().train()


def buffers(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def recalibration_data(seed: int) -> Tensor:
    batches = range(RECALIBRATION_SAMPLES // RECALIBRATION_BATCH)
    indices = [indices_of_step(seed, number, RECALIBRATION_BATCH, 5000) for number in batches]
    return torch.cat([Digits().batch(chunk, noise(seed, number)).x for number, chunk in enumerate(indices)])


def recalibration_codes(seed: int) -> Tensor:
    batches = range(RECALIBRATION_SAMPLES // RECALIBRATION_BATCH)
    return torch.cat([noise(seed, number).randn("z", LATENT) for number in batches])


def noise(seed: int, number: int) -> Noise:
    return Noise(seed, number, "recalibration/prior", Rows.all(RECALIBRATION_BATCH), dtype=torch.float64)


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, SyncBatchNorm])
def test_recalibrated_norms_hold_the_exact_moments_of_data_and_of_prior_codes(norm) -> None:
    found = recalibrated_statistics(model(norm), Digits(), seed=5)
    x, z = recalibration_data(5).double(), recalibration_codes(5)
    assert len(x) == len(z) == RECALIBRATION_SAMPLES
    expected = {"encoder.norm": (x.mean().view(1), x.var().view(1)), "decoder.norm": (z.mean(dim=0), z.var(dim=0))}
    assert found.keys() == expected.keys()
    for name, (mean, variance) in expected.items():
        torch.testing.assert_close(found[name].mean, mean, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(found[name].variance, variance, rtol=1e-10, atol=1e-12)


class TwoNorms(nn.Module):
    """Decoder whose second norm reads what the first one has normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.hidden = nn.BatchNorm1d(LATENT), nn.Linear(LATENT, 4)
        self.second, self.linear = nn.BatchNorm1d(4), nn.Linear(4, 784)

    def forward(self, z: Tensor) -> Tensor:
        hidden = self.hidden(self.first(z)).square()
        return self.linear(self.second(hidden)).unflatten(1, (1, 28, 28))


def test_while_a_norm_is_recalibrated_the_norms_before_it_normalise_by_the_batch() -> None:
    torch.manual_seed(0)
    net = Autoencoder(Encoder(nn.BatchNorm2d), TwoNorms(), LATENT, (1, 28, 28)).double()
    decoder = net.decoder
    nn.init.uniform_(decoder.first.weight, 0.5, 2.0)
    nn.init.normal_(decoder.first.bias)
    decoder.first.running_mean.fill_(7.0)  # far from the moments of any batch
    decoder.first.running_var.fill_(50.0)
    weight, bias = decoder.first.weight.detach(), decoder.first.bias.detach()
    inputs = []
    for z in recalibration_codes(5).split(RECALIBRATION_BATCH):
        normalised = (z - z.mean(dim=0)) / (z.var(dim=0, correction=0) + decoder.first.eps).sqrt() * weight + bias
        inputs.append((normalised @ decoder.hidden.weight.detach().T + decoder.hidden.bias.detach()) ** 2)
    expected = torch.cat(inputs)

    found = recalibrated_statistics(net, Digits(), seed=5)["decoder.second"]
    torch.testing.assert_close(found.mean, expected.mean(dim=0), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found.variance, expected.var(dim=0), rtol=1e-10, atol=1e-12)


def test_recalibration_depends_only_on_model_and_seed() -> None:
    first, again, other = (recalibrated_statistics(model(), Digits(), seed)["decoder.norm"].mean for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_critic_is_recalibrated_on_data_and_a_generator_on_the_prior() -> None:
    critic = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(784, 1), nn.Flatten(0))
    gan = GAN(Decoder(), critic, LATENT, (1, 28, 28)).double()
    found = recalibrated_statistics(gan, Digits(), seed=5)
    torch.testing.assert_close(found["critic.0"].mean, recalibration_data(5).double().mean().view(1))
    torch.testing.assert_close(found["generator.norm"].mean, recalibration_codes(5).mean(dim=0))


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, SyncBatchNorm])
def test_with_batch_statistics_a_model_computes_the_same_as_in_training_mode(norm) -> None:
    net, x = model(norm), Digits().batch(torch.arange(50), noise(0, 0)).x.double()
    expected = model(norm).reconstruct(x)
    before = buffers(net)
    with evaluating(net), BatchNormModes(Digits(), 0).using(net, "batch"):
        assert torch.equal(net.reconstruct(x), expected)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize("mode", [None, "running"])
def test_with_running_statistics_a_model_computes_the_same_as_in_evaluation_mode(mode) -> None:
    net, x = model(), Digits().batch(torch.arange(50), noise(0, 0)).x.double()
    net.reconstruct(x)  # moves the running averages away from their initial values
    expected = net.eval().reconstruct(x)
    net.train()
    with evaluating(net), BatchNormModes(Digits(), 0).using(net, mode):
        assert torch.equal(net.reconstruct(x), expected)


@pytest.mark.parametrize("mode", ["running", "batch", "recalibrated"])
def test_a_mode_restores_the_tensors_of_the_model(mode) -> None:
    net = model()
    kept = {name: (norm.running_mean, norm.running_var) for name, norm in norms_of(net).items()}
    before = buffers(net)
    with pytest.raises(RuntimeError, match="within"), evaluating(net), BatchNormModes(Digits(), 0).using(net, mode):
        net.sample(torch.randn(9, LATENT, dtype=torch.float64))
        raise RuntimeError("within")
    assert all(norm.running_mean is kept[name][0] for name, norm in norms_of(net).items())
    assert all(norm.running_var is kept[name][1] for name, norm in norms_of(net).items())
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert net.training and net.decoder.norm.training
    assert not any(norm._forward_pre_hooks for norm in norms_of(net).values())


def test_recalibrated_statistics_are_computed_once_for_each_model(monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(
        "genkit.evaluation.batch_norm.recalibrated_statistics", lambda *given: calls.append(given) or {}
    )
    modes, one, other = BatchNormModes(Digits(), 0), model(), model()
    for net in (one, one, other):
        with modes.using(net, "recalibrated"):
            pass
    assert [net for net, *_ in calls] == [one, other]


def test_a_norm_without_input_keeps_its_running_statistics() -> None:
    net = model()
    net.spare = nn.BatchNorm1d(2)
    assert "spare" not in recalibrated_statistics(net, Digits(), 0)
    with using_statistics(net, recalibrated_statistics(net, Digits(), 0)):
        assert torch.equal(net.spare.running_var, torch.ones(2, dtype=torch.float32))


def test_data_of_exactly_one_batch_suffice_for_recalibration() -> None:
    class Enough(Digits):
        size = RECALIBRATION_BATCH

    found = recalibrated_statistics(model(), Enough(), 0)["encoder.norm"]
    whole = Digits().batch(torch.arange(RECALIBRATION_BATCH), noise(0, 0)).x.double()
    torch.testing.assert_close(found.mean, whole.mean().view(1), rtol=1e-10, atol=1e-12)


def test_too_few_data_for_recalibration_are_refused() -> None:
    class Few(Digits):
        size = 60

    with pytest.raises(ValueError, match=r"recalibrated.*\b100\b.*train split.*\b60\b"):
        recalibrated_statistics(model(), Few(), 0)
    metric = ReconstructionErrorMetric(samples=50, batch_norm="recalibrated")
    (result,) = evaluate({"error": metric}, Few(), lambda which: model(), 0)
    assert result.value is None and "train split" in result.reason and "60" in result.reason


# Protocols


def test_the_protocol_names_the_mode_and_the_samples_of_its_statistics() -> None:
    plain = EvaluationProtocol(50, "test", "raw")
    assert complete_protocol(plain, model(), Digits(), 1000).batch_norm == "running"
    assert complete_protocol(plain, model(), Digits(), 1000).details == {}
    metric = ReconstructionErrorMetric(samples=500, batch_norm="batch")
    assert protocol_of(metric, Digits(), model()).details["statistics"] == "of 500 samples at a time"
    metric = ReconstructionErrorMetric(samples=500, batch_norm="recalibrated")
    expected = "of 2000 train and 2000 generated samples, 100 at a time"
    assert protocol_of(metric, Digits(), model()).details["statistics"] == expected
    protocols = {str(protocol_of(metric, Digits(), model(), mode)) for mode in ("running", "batch", "recalibrated")}
    assert len(protocols) == 3


class Plain:
    """Metric of a plugin without the key batch_norm."""

    better = None

    def protocol(self, data, model):
        return EvaluationProtocol(10, "test", "raw")

    def compute(self, evaluation):
        return torch.cat(list(evaluation.generated)).mean().item()


def test_a_metric_without_the_key_uses_running_statistics_unless_the_caller_names_a_mode() -> None:
    net = model()
    values = {}
    for mode in (None, "running", "batch", "recalibrated"):
        (result,) = evaluate({"plain": Plain()}, Digits(), lambda which: net, 0, mode)
        assert result.protocol.batch_norm == (mode or "running")
        values[mode] = result.value
    assert values[None] == values["running"] and len(set(values.values())) == 3


def test_every_built_in_metric_has_the_keys_of_a_model_metric() -> None:
    registry = Registry()
    registry.register(builtin, Owner("genkit", "genkit-torch", "0"))
    assert "metrics" in KINDS
    for part in registry.of_kind("metrics"):
        assert issubclass(part.load(), ModelMetric), part.entry.name
    assert Modes(batch_norm="batch").weights == "raw"


def plan_of(folder, text, *overrides):
    return make_plan(write_recipe(folder, text), overrides=overrides)


NORMED = (
    IMAGES.replace('use = "small-conv"', 'use = "introvae-conv"\nnorm = "batch"').replace("hidden = 8", "")
    + "\n[metrics.error]\nuse = 'reconstruction-error'\nsamples = 200\n"
)


def test_the_key_is_refused_for_a_model_without_batch_norm(isolated) -> None:
    with pytest.raises(RecipeError, match=r'batch_norm = "running".*no batch norm'):
        plan_of(isolated, TINY, "metrics.modes.batch_norm=running")
    with pytest.raises(RecipeError, match=r"batch_norm: .*bath\W.*running.*batch.*recalibrated"):
        plan_of(isolated, NORMED, "metrics.error.batch_norm=bath")
    plan = plan_of(isolated, TINY)
    assert plan.protocols["modes"].batch_norm is None and "batch_norm" not in plan.resolved["metrics"]["modes"]
    assert plan_of(isolated, NORMED).protocols["error"].batch_norm == "running"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("normed")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        result = genkit("run", write_recipe(root, NORMED), "-q", "--runs", root, "--set", "ema.decay=0.5")
    assert result.code == 0, result.err
    return root / "0001-tiny-s0"


@pytest.mark.trains
def test_one_command_reports_all_three_modes(run, monkeypatch) -> None:
    monkeypatch.setenv("GENKIT_PLUGINS", "none")
    result = genkit(
        "eval",
        run,
        "--batch-norm",
        "all",
        "--json",
        "--metrics",
        "error,posterior-kl",
        "--set",
        "metrics.posterior-kl.samples=200",
    )
    assert result.code == 0, result.err
    results = json.loads(result.out)["results"]
    modes = ["running", "batch", "recalibrated"]
    assert [(each["label"], each["protocol"]["batch_norm"]) for each in results] == [
        (label, mode) for label in ("error", "posterior-kl") for mode in modes
    ]
    assert len({each["value"] for each in results}) == 6
    (one,) = json.loads(genkit("eval", run, "--batch-norm", "batch", "--json").out)["results"]
    assert one == results[1]
    (by_key,) = json.loads(genkit("eval", run, "--set", "metrics.error.batch_norm=batch", "--json").out)["results"]
    assert by_key == one
    table = genkit("eval", run, "--batch-norm", "all").out
    assert all(f"{mode} batch norm" in " ".join(table.split()) for mode in modes)


@pytest.mark.trains
def test_an_unknown_mode_and_a_mode_without_batch_norm_are_refused(run, isolated) -> None:
    assert "recalibrated?" in refused("eval", run, "--batch-norm", "recalibrate")
    assert genkit("run", write_recipe(isolated), "-q").code == 0
    assert_names(refused("eval", "runs/0001-tiny-s0", "--batch-norm", "all"), "--batch-norm", "no batch norm")


def test_a_model_with_neither_encoder_nor_critic_is_recalibrated_on_prior_codes() -> None:
    class Bare(Model):
        latent_dim, data_shape = LATENT, (1, 28, 28)

        def __init__(self) -> None:
            super().__init__()
            self.decoder = Decoder().double()

        def sample(self, z: Tensor) -> Tensor:
            return self.decoder(z)

    protocol = complete_protocol(EvaluationProtocol(50, "test", "raw", "recalibrated"), Bare(), Digits(), 1000)
    assert protocol.details["statistics"] == "of 2000 generated samples, 100 at a time"
    assert list(recalibrated_statistics(Bare(), Digits(), 0)) == ["decoder.norm"]
