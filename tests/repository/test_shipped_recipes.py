"""Shipped recipes: each has a plan at full size and trains for some steps, on stand-in data if it needs a download."""

import itertools
import tomllib
from pathlib import Path

import pytest

from genkit.cli.plan_for_command import plan_for_command
from genkit.engine.distributed import World
from genkit.engine.loop import train_steps
from genkit.engine.state import initial_state
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.text.shipped import recipes_folder, shipped_recipes

pytestmark = pytest.mark.trains

RECIPES = sorted(recipes_folder().glob("*.toml"))
NO_DOWNLOAD = ("8-gaussians", "25-gaussians", "2-spirals", "checkerboard", "rings", "digits")  # of data sets
OF_IMAGES = [
    path for path in RECIPES if tomllib.loads(path.read_text(encoding="utf-8"))["data"]["use"] not in NO_DOWNLOAD
]
REDUCTION = 16  # factor by which these tests divide the channels of the networks; at least four channels are left


@pytest.fixture(scope="module")
def registry():
    return load_registry()


@pytest.mark.parametrize("path", [path for path in RECIPES if path not in OF_IMAGES], ids=lambda path: path.stem)
def test_a_shipped_recipe_trains_at_the_start_in_the_middle_and_at_the_end(path: Path, registry):
    plan = make_plan(path, registry=registry)
    assert not plan.unmet
    assert not plan.dry_run.remarks
    take_steps(plan)


@pytest.mark.parametrize("path", OF_IMAGES, ids=lambda path: path.stem)
def test_a_recipe_of_images_has_a_plan_at_full_size_and_trains_on_stand_in_data(path: Path, registry, monkeypatch):
    # Published batches of 256 x 256 need more memory on a CPU than many machines have.
    monkeypatch.setattr("genkit.storage.memory.physical_memory", lambda: None)
    given = tomllib.loads(path.read_text(encoding="utf-8"))
    full = plan_for_command(path, None, stand_in=True)
    assert not full.unmet
    assert not full.dry_run.remarks

    channels = [max(number // REDUCTION, 4) for number in given["model"]["channels"]]
    reduced = [f"model.channels={channels}", "model.latent_dim=8", "train.batch_size=4"]
    few_steps = ["train.epochs="] if "epochs" in given["train"] else []
    few_steps += ["train.steps=30", *(["report.strip_epochs="] if "strip_epochs" in given.get("report", {}) else [])]
    few_steps += ["loss.warmup_steps=5"] if "warmup_steps" in given["loss"] else []
    take_steps(make_plan(full.document, overrides=reduced + few_steps, registry=registry, try_step=False))


def take_steps(plan: Plan) -> None:
    """Train at the start, in the middle and at the end; assert that all terms are finite and every phase ran."""
    state, seen = initial_state(plan, World()), set()
    for start in (0, plan.steps // 6, plan.steps - 2):  # warm-up, soon after it, end of the run
        state.step = start
        for record in itertools.islice(train_steps(plan, state, World()), 2):
            assert all(value.isfinite() for value in record.terms.values())
            seen |= {name.partition("/")[0] for name in record.terms}
    assert seen == {phase.name for phase in plan.phases if phase.stop != 0}


def test_every_method_has_a_recipe_on_8_gaussians():
    methods = ("vae", "introvae", "soft_introvae", "as_introvae", "wgan_gp")
    assert {f"{method}_8gaussians" for method in methods} <= set(shipped_recipes())
    assert "as_introvae_digits" in shipped_recipes()


# The published protocol in two dimensions

PUBLISHED = sorted(recipes_folder().glob("*_published.toml"))
WEIGHTS = {  # beta_kl, beta_rec, beta_neg recommended by the published code, which has none for 25 Gaussians
    "8gaussians": (0.3, 0.2, 0.9),
    "25gaussians": (0.3, 0.2, 0.9),
    "2spirals": (0.5, 0.2, 1.0),
    "checkerboard": (0.1, 0.2, 0.2),
    "rings": (0.2, 0.2, 1.0),
}


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_all_methods_and_densities_share_the_published_protocol(path: Path, registry):
    plan = make_plan(path, registry=registry)
    train, model = plan.recipe.train, plan.recipe.model.arguments
    assert (train.steps, train.batch_size, plan.recipe.seed) == (30_000, 512, 0)
    assert (model["latent_dim"], model["width"], model["layers"]) == (2, 256, 3)
    parameters = plan.dry_run.parameters
    assert parameters.get("decoder", parameters.get("generator")) == 198_658

    # The learning rate drops in the published steps; that of WGAN-GP is constant, as published.
    around = [0, 9_999, 10_000, 14_999, 15_000, 29_999]
    expected = [1e-4] * 6 if "generator" in parameters else [2e-4, 2e-4, 2e-5, 2e-5, 2e-6, 2e-6]
    for optimiser in plan.optimisers.values():
        assert [optimiser.lr(step / plan.steps) for step in around] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("density", WEIGHTS)
@pytest.mark.parametrize("method", ["soft", "as"])
def test_each_density_has_its_published_weights(density: str, method: str):
    recipe = tomllib.loads(
        (recipes_folder() / f"{method}_introvae_{density}_published.toml").read_text(encoding="utf-8")
    )
    loss = recipe["loss"]
    assert recipe["data"]["use"].replace("-", "") == density
    assert (loss["beta_kl"], loss["beta_rec"], loss["beta_neg"], loss["warmup_steps"]) == (*WEIGHTS[density], 2000)
