"""Runs with a prior: resume, load, pictures, and the methods with N(0, I) written as a mixture."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.kill_and_resume import new_run, train_and_kill, train_on
from support.messages import assert_names
from support.tiny_recipes import assert_same_bits, tensors_of, tiny_recipe, train_all

from genkit.bases.priors.mixture import Mixture
from genkit.core.noise import Noise, Rows
from genkit.errors import UsageError
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Checkpoint, Recipe, Report, Train, Use
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.trained_models.interpolate import choose_path
from genkit.runs.trained_models.load import load

pytestmark = pytest.mark.trains

ADAM = Use("adam", lr=1e-2)
LEARNT = Use("mixture", components=4, learnt=True, learnt_weights=True, kl="sampled", draws=3)
RECIPE = tiny_recipe(
    model=Use("tiny", prior=LEARNT),
    loss=Use("vae"),
    optimiser={"encoder": ADAM, "decoder": ADAM, "prior": ADAM},
    checkpoint=Checkpoint(every=4),
    report=Report(log_every=2, draw_every=6),
)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> RunFolder:
    folder = new_run(tmp_path_factory.mktemp("uninterrupted"), RECIPE)
    train_on(folder)
    return folder


@pytest.mark.parametrize("step", [1, 6, 11])
def test_a_learnt_prior_resumes_to_the_same_bits(tmp_path: Path, uninterrupted: RunFolder, step: int):
    folder = new_run(tmp_path, RECIPE)
    train_and_kill(folder, step)
    train_on(folder)
    for name in ("model.safetensors", "ema.safetensors"):
        assert_same_bits(load_file(folder.final / name), load_file(uninterrupted.final / name))
    assert folder.metrics.read_bytes() == uninterrupted.metrics.read_bytes()


def test_a_loaded_model_has_its_trained_prior(uninterrupted: RunFolder, monkeypatch):
    monkeypatch.setattr("genkit.runs.trained_models.build_parts.load_registry", registry)
    prior = load(uninterrupted.path).prior
    assert isinstance(prior, Mixture) and (prior.form, prior.draws) == ("sampled", 3)
    assert torch.equal(prior.means, load_file(uninterrupted.final / "model.safetensors")["prior.means"])
    assert prior.sample(Noise(0, 0, "any", Rows.all(5))).shape == (5, 2)


def registry():
    from support.tiny_parts import registry_with

    return registry_with()


def test_a_spherical_path_is_refused_under_another_prior(uninterrupted: RunFolder, monkeypatch):
    monkeypatch.setattr("genkit.runs.trained_models.build_parts.load_registry", registry)
    model = load(uninterrupted.path)
    assert choose_path(None, model) == choose_path("linear", model) == "linear"
    with pytest.raises(UsageError) as caught:
        choose_path("spherical", model)
    assert_names(caught.value, "--path spherical: ", "mixture of 4", "--path linear")
    model.prior = make_plan(tiny_recipe(), registry=registry()).build_model().prior
    assert choose_path(None, model) == "spherical"


METHODS = {
    "vae": {},
    "introvae": {"warmup_steps": 2},
    "soft-introvae": {"warmup_steps": 2, "gamma_r": 0.5},
    "reversed": {"warmup_steps": 2},
    # With a distance, three gradients of a log-variance are added, in an order that depends on the prior.
    "as-introvae": {"warmup_steps": 2, "c": 1.0},
}


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
@pytest.mark.parametrize("method", METHODS)
def test_a_mixture_of_one_n01_trains_like_n01_to_the_bit(method: str, precision: str):
    if method != "vae":
        pytest.importorskip(f"genkit_{method.replace('-', '_')}")
    one = Use("mixture", means=[[0.0, 0.0]])

    def weights(prior: Use) -> dict[str, torch.Tensor]:
        recipe = Recipe(
            title="laws",
            data=Use("8-gaussians"),
            model=Use("mlp", width=16, prior=prior),
            loss=Use(method, **METHODS[method]),
            optimiser={"encoder": ADAM, "decoder": ADAM},
            train=Train(steps=20, batch_size=32, precision=precision),
        )
        found = tensors_of(train_all(make_plan(recipe, registry=load_registry()))[0])
        return {name: tensor for name, tensor in found.items() if "/prior." not in name}

    assert_same_bits(weights(one), weights(Use("normal")))
