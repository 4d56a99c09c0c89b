"""The three modes of batch norm: what the norms hold in each, and that training never notices."""

from __future__ import annotations

import json

import pytest
import torch
from support.commands import IMAGES, TINY, genkit, write_recipe
from torch import Tensor, nn

from genkit.api import GAN, Autoencoder, DiagNormal, EvaluationProtocol, Noise, Rows
from genkit.core.data_order import indices_of_step
from genkit.core.layers.norm import SyncBatchNorm
from genkit.core.model import Model, evaluating
from genkit.errors import RecipeError
from genkit.evaluation.batch_norm import SAMPLES, TOGETHER, Norms, completed, normalising, norms_of, recalibrated
from genkit.evaluation.evaluate import evaluate, protocol_of
from genkit.hooks import KINDS
from genkit.parts import builtin
from genkit.parts.datasets.digits import Digits
from genkit.parts.metrics.base import ModelMetric
from genkit.parts.metrics.modes import Modes
from genkit.parts.metrics.reconstruction import ReconstructionError
from genkit.recipe.plan import make_plan
from genkit.recipe.registry import Owner, Registry

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


def data_that_recalibrate(seed: int) -> Tensor:
    steps = range(SAMPLES // TOGETHER)
    return torch.cat([Digits().batch(indices_of_step(seed, n, TOGETHER, 5000), noise(seed, n)).x for n in steps])


def codes_that_recalibrate(seed: int) -> Tensor:
    return torch.cat([noise(seed, n).randn("z", LATENT) for n in range(SAMPLES // TOGETHER)])


def noise(seed: int, number: int) -> Noise:
    return Noise(seed, number, "recalibration/prior", Rows.all(TOGETHER), dtype=torch.float64)


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, SyncBatchNorm])
def test_recalibrated_norms_hold_the_exact_moments_of_data_and_of_prior_draws(norm) -> None:
    found = recalibrated(model(norm), Digits(), seed=5)
    x, z = data_that_recalibrate(5).double(), codes_that_recalibrate(5)
    assert len(x) == len(z) == SAMPLES
    expected = {"encoder.norm": (x.mean().view(1), x.var().view(1)), "decoder.norm": (z.mean(dim=0), z.var(dim=0))}
    assert found.keys() == expected.keys()
    for name, (mean, variance) in expected.items():
        torch.testing.assert_close(found[name].mean, mean, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(found[name].variance, variance, rtol=1e-10, atol=1e-12)


def test_recalibration_is_a_function_of_the_seed() -> None:
    first, again, other = (recalibrated(model(), Digits(), seed)["decoder.norm"].mean for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_critic_is_recalibrated_on_data_and_a_generator_on_the_prior() -> None:
    critic = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(784, 1), nn.Flatten(0))
    gan = GAN(Decoder(), critic, LATENT, (1, 28, 28)).double()
    found = recalibrated(gan, Digits(), seed=5)
    torch.testing.assert_close(found["critic.0"].mean, data_that_recalibrate(5).double().mean().view(1))
    torch.testing.assert_close(found["generator.norm"].mean, codes_that_recalibrate(5).mean(dim=0))


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, SyncBatchNorm])
def test_with_the_statistics_of_the_batch_a_model_computes_what_it_would_while_training(norm) -> None:
    net, x = model(norm), Digits().batch(torch.arange(50), noise(0, 0)).x.double()
    expected = model(norm).reconstruct(x)
    before = buffers(net)
    with evaluating(net), Norms(Digits(), 0).normalising(net, "batch"):
        assert torch.equal(net.reconstruct(x), expected)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize("mode", [None, "running"])
def test_with_running_statistics_a_model_computes_what_it_does_in_evaluation_mode(mode) -> None:
    net, x = model(), Digits().batch(torch.arange(50), noise(0, 0)).x.double()
    net.reconstruct(x)  # so that the averages are of something
    expected = net.eval().reconstruct(x)
    net.train()
    with evaluating(net), Norms(Digits(), 0).normalising(net, mode):
        assert torch.equal(net.reconstruct(x), expected)


@pytest.mark.parametrize("mode", ["running", "batch", "recalibrated"])
def test_a_mode_leaves_the_model_with_the_tensors_that_it_had(mode) -> None:
    net = model()
    kept = {name: (norm.running_mean, norm.running_var) for name, norm in norms_of(net).items()}
    before = buffers(net)
    with pytest.raises(RuntimeError, match="within"), evaluating(net), Norms(Digits(), 0).normalising(net, mode):
        net.sample(torch.randn(9, LATENT, dtype=torch.float64))
        raise RuntimeError("within")
    assert all(norm.running_mean is kept[name][0] for name, norm in norms_of(net).items())
    assert all(norm.running_var is kept[name][1] for name, norm in norms_of(net).items())
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert net.training and net.decoder.norm.training
    assert not any(norm._forward_pre_hooks for norm in norms_of(net).values())


def test_what_was_found_is_found_once(monkeypatch) -> None:
    calls = []
    monkeypatch.setattr("genkit.evaluation.batch_norm.recalibrated", lambda *given: calls.append(given) or {})
    norms, one, other = Norms(Digits(), 0), model(), model()
    for net in (one, one, other):
        with norms.normalising(net, "recalibrated"):
            pass
    assert [net for net, *_ in calls] == [one, other]


def test_a_norm_that_nothing_reaches_keeps_what_training_left() -> None:
    net = model()
    net.spare = nn.BatchNorm1d(2)
    assert "spare" not in recalibrated(net, Digits(), 0)
    with normalising(net, recalibrated(net, Digits(), 0)):
        assert torch.equal(net.spare.running_var, torch.ones(2, dtype=torch.float32))


def test_too_few_data_are_refused_with_their_number() -> None:
    class Few(Digits):
        size = 60

    with pytest.raises(ValueError, match="reads 100 samples at a time, and the train split has 60"):
        recalibrated(model(), Few(), 0)
    metric = ReconstructionError(samples=50, batch_norm="recalibrated")
    (result,) = evaluate({"error": metric}, Few(), lambda which: model(), 0)
    assert result.value is None and "the train split has 60" in result.reason


# Protocols


def test_the_protocol_says_whose_statistics_and_of_how_many() -> None:
    plain = EvaluationProtocol(50, "test", "raw")
    assert completed(plain, model(), Digits(), 1000).batch_norm == "running"
    assert completed(plain, model(), Digits(), 1000).details == {}
    metric = ReconstructionError(samples=500, batch_norm="batch")
    assert protocol_of(metric, Digits(), model()).details["statistics"] == "of 500 samples at a time"
    metric = ReconstructionError(samples=500, batch_norm="recalibrated")
    expected = "of 2000 train and 2000 generated samples, 100 at a time"
    assert protocol_of(metric, Digits(), model()).details["statistics"] == expected
    protocols = {str(protocol_of(metric, Digits(), model(), mode)) for mode in ("running", "batch", "recalibrated")}
    assert len(protocols) == 3


class Plain:
    """A metric of a stranger, without the key."""

    better = None

    def protocol(self, data, model):
        return EvaluationProtocol(10, "test", "raw")

    def compute(self, evaluation):
        return torch.cat(list(evaluation.generated)).mean().item()


def test_a_metric_without_the_key_is_of_the_running_statistics_and_can_be_asked_for_others() -> None:
    net = model()
    values = {}
    for mode in (None, "running", "batch", "recalibrated"):
        (result,) = evaluate({"plain": Plain()}, Digits(), lambda which: net, 0, mode)
        assert result.protocol.batch_norm == (mode or "running")
        values[mode] = result.value
    assert values[None] == values["running"] and len(set(values.values())) == 3


def test_every_built_in_metric_takes_the_keys_and_states_them() -> None:
    registry = Registry()
    registry.register(builtin, Owner("genkit", "genkit-torch", "0"))
    assert "metrics" in KINDS
    for part in registry.of_kind("metrics"):
        assert issubclass(part.load(), ModelMetric), part.entry.name
    assert Modes(batch_norm="batch").weights == "raw"


def plan_of(tmp_path, text, *overrides):
    return make_plan(write_recipe(tmp_path, text), overrides=overrides)


NORMED = (
    IMAGES.replace('use = "small-conv"', 'use = "introvae-conv"\nnorm = "batch"').replace("hidden = 8", "")
    + "\n[metrics.error]\nuse = 'reconstruction-error'\nsamples = 200\n"
)


def test_the_key_is_an_error_where_the_model_has_no_batch_norm(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GENKIT_PLUGINS", "none")
    with pytest.raises(RecipeError, match=r'batch_norm = "running": the model has no batch norm; leave the key out'):
        plan_of(tmp_path, TINY, "metrics.modes.batch_norm=running")
    with pytest.raises(RecipeError, match="batch_norm: found 'bath', expected 'running', 'batch' or 'recalibrated'"):
        plan_of(tmp_path, NORMED, "metrics.error.batch_norm=bath")
    plan = plan_of(tmp_path, TINY)
    assert plan.protocols["modes"].batch_norm is None and "batch_norm" not in plan.resolved["metrics"]["modes"]
    assert plan_of(tmp_path, NORMED).protocols["error"].batch_norm == "running"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("normed")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        said = genkit("run", write_recipe(root, NORMED), "-q", "--runs", root, "--set", "ema.decay=0.5")
    assert said.code == 0, said.err
    return root / "0001-tiny-s0"


def test_one_command_reports_all_three_modes_side_by_side(run, monkeypatch) -> None:
    monkeypatch.setenv("GENKIT_PLUGINS", "none")
    said = genkit(
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
    assert said.code == 0, said.err
    results = json.loads(said.out)["results"]
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


def test_a_mode_that_is_none_or_would_do_nothing_is_told(run, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENKIT_PLUGINS", "none")
    said = genkit("eval", run, "--batch-norm", "recalibrate")
    assert (said.code, said.out) == (2, "") and "Did you mean recalibrated?" in said.err
    assert genkit("run", write_recipe(tmp_path), "-q").code == 0
    said = genkit("eval", "runs/0001-tiny-s0", "--batch-norm", "all")
    assert said.code == 2 and "its model has no batch norm" in said.err


def test_a_model_is_anything_that_samples() -> None:
    class Bare(Model):
        latent_dim, data_shape = LATENT, (1, 28, 28)

        def __init__(self) -> None:
            super().__init__()
            self.decoder = Decoder().double()

        def sample(self, z: Tensor) -> Tensor:
            return self.decoder(z)

    protocol = completed(EvaluationProtocol(50, "test", "raw", "recalibrated"), Bare(), Digits(), 1000)
    assert protocol.details["statistics"] == "of 2000 generated samples, 100 at a time"
    assert list(recalibrated(Bare(), Digits(), 0)) == ["decoder.norm"]
