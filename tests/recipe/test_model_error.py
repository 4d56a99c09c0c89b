"""The key `error` of [model]: how it is bound, what is refused, and that a recipe without it is as before."""

from __future__ import annotations

import pytest
import tomli_w
import torch
from support.faulty_parts import GOOD, problems_of, with_loss
from support.messages import assert_names
from support.tiny_parts import registry_with
from torch import nn

from genkit.api import GAN, SquaredError
from genkit.errors import RecipeError
from genkit.hooks import Entry, hookimpl
from genkit.parts.errors.l1 import L1
from genkit.parts.errors.ssim import SSIM
from genkit.recipe.plan import make_plan
from genkit.recipe.resolved import as_tables
from genkit.recipe.text.document import Document
from genkit.runs.trained_models.build_parts import build_model

VAE = with_loss('use = "vae"')
IMAGES = {
    "title": "images",
    "data": {"use": "digits"},
    "model": {"use": "small-conv", "channels": [4, 4], "hidden": 8},
    "loss": {"use": "vae"},
    "optimiser": {"encoder": {"use": "adam", "lr": 0.1}, "decoder": {"use": "adam", "lr": 0.1}},
    "train": {"steps": 2, "batch_size": 8},
}


def with_error(text: str, value: str) -> str:
    """Return a recipe with the key `error` in line 9."""
    return text.replace('[model]\nuse = "tiny"', f'[model]\nuse = "tiny"\nerror = {value}')


def test_a_recipe_without_the_key_resolves_as_before_and_has_the_squared_error(tmp_path):
    (tmp_path / "r.toml").write_text(VAE)
    plan = make_plan(tmp_path / "r.toml", registry=registry_with())
    assert plan.resolved["model"] == {"use": "tiny", "latent_dim": 2}
    assert plan.build_model().reconstruction_error == SquaredError()


@pytest.mark.parametrize(
    ("value", "error", "resolved"),
    [
        ("ssim", SSIM(), {"use": "ssim", "window": 11}),
        ({"use": "ssim", "window": 5}, SSIM(5), {"use": "ssim", "window": 5}),
        ("l1", L1(), {"use": "l1"}),
    ],
)
def test_the_error_is_part_of_the_model_of_a_plan_and_of_its_resolved_recipe(value, error, resolved):
    plan = make_plan({**IMAGES, "model": {**IMAGES["model"], "error": value}})
    assert plan.build_model().reconstruction_error == error
    assert plan.resolved["model"]["error"] == resolved
    assert str(plan.parts["model", "error"].owner).startswith("genkit-torch")
    again = make_plan(plan.resolved)
    assert again.resolved == plan.resolved == as_tables(again.keys)
    # A model that is loaded is built from its resolved recipe.
    assert build_model(Document(plan.resolved), (1, 28, 28)).reconstruction_error == error


def test_the_error_decides_the_loss():
    def rec(value):
        plan = make_plan({**IMAGES, "model": {**IMAGES["model"], "error": value}})
        torch.manual_seed(0)
        model, x = plan.build_model(), torch.rand(4, 1, 28, 28)
        return model.error(x, model.decoder(model.encoder(x).mu))

    values = {name: rec(name) for name in ("squared", "l1", "bce", "ssim", "features")}
    assert len({tuple(value.tolist()) for value in values.values()}) == 5
    assert all(value.isfinite().all() for value in values.values())


# Mistakes


def test_an_unknown_error_is_refused_beside_other_mistakes(tmp_path):
    text = with_error(VAE, '"l2"').replace("batch_size = 8", "batch_size = 0")
    problems = {problem.place.path: problem for problem in problems_of(tmp_path, text)}
    assert problems.keys() == {("model", "error", "use"), ("train", "batch_size")}
    problem = problems["model", "error", "use"]
    assert problem.place.line == 9
    assert_names(problem.text, 'reconstruction error "l2"', "l1")


def test_a_key_that_the_error_does_not_have_is_refused(tmp_path):
    (problem,) = problems_of(tmp_path, with_error(VAE, '{ use = "ssim", windw = 5 }'))
    assert problem.place.path == ("model", "error", "windw")
    assert_names(problem.text, "window")


@pytest.mark.parametrize("name", ["bce", "ssim"])
def test_an_error_of_images_is_refused_for_points_at_its_key(tmp_path, name):
    (problem,) = problems_of(tmp_path, with_error(VAE, f'"{name}"'))
    assert (problem.place.line, problem.place.path) == (9, ("model", "error"))
    assert_names(problem.text, "images", "(2,)")


def test_pictures_smaller_than_the_window_are_refused():
    tables = {**IMAGES, "model": {**IMAGES["model"], "error": {"use": "ssim", "window": 29}}}
    with pytest.raises(RecipeError) as refused:
        make_plan(tables)
    assert_names(refused.value, "[model] error", "28 x 28", "29 x 29")


def test_features_of_a_network_that_does_not_tell_them_are_refused(tmp_path):
    (problem,) = problems_of(tmp_path, with_error(VAE, '"features"'))
    assert problem.place.path == ("model", "error")
    assert_names(problem.text, "TinyAutoencoder", "features")


def test_a_loss_that_ignores_the_error_is_refused(tmp_path):
    (problem,) = problems_of(tmp_path, with_error(GOOD, '"l1"'))
    assert (problem.place.path, problem.place.line) == (("model", "error"), 9)
    assert_names(problem.text, "no effect", '"coupled"', "model.error")


class TinyGAN(GAN):
    def __init__(self, *, data_shape: tuple[int, ...]):
        critic = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
        super().__init__(nn.Linear(2, 2), critic, 2, data_shape)


class PluginOfGAN:
    genkit_hooks = 1

    @hookimpl
    def genkit_models(self):
        yield Entry("tiny-gan", f"{__name__}:TinyGAN", "", "")


@pytest.mark.parametrize("name", ["l1", "features"])
def test_a_gan_takes_no_error(tmp_path, name):
    (tmp_path / "r.toml").write_text(with_error(VAE, f'"{name}"').replace('"tiny"\nerror', '"tiny-gan"\nerror'))
    with pytest.raises(RecipeError) as refused:
        make_plan(tmp_path / "r.toml", registry=registry_with(PluginOfGAN()))
    problem = next(each for each in refused.value.problems if each.place.path == ("model", "error"))
    assert_names(problem.text, "TinyGAN", "no reconstructions", "Remove")


@pytest.mark.parametrize(("trained", "asked"), [("bce", None), (None, "bce"), ("bce", "bce"), ("l1", None)])
def test_a_warm_start_needs_a_decoder_that_returns_the_same(tmp_path, trained, asked):
    def model(error):
        return {**IMAGES["model"], **({"error": error} if error else {})}

    (tmp_path / "recipe.toml").write_text(tomli_w.dumps({**IMAGES, "model": model(trained)}))
    tables = {**IMAGES, "model": model(asked), "train": {**IMAGES["train"], "warm_start": str(tmp_path)}}
    if (trained == "bce") == (asked == "bce"):
        make_plan(tables)
        return
    with pytest.raises(RecipeError) as refused:
        make_plan(tables)
    assert_names(refused.value, "[train] warm_start", tmp_path, "logits", "samples", "`error`")
