"""The JSON schema of spaces of searches: it accepts what the reader accepts."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from support.schemas import accepts
from support.searches import SPACE

from genkit.errors import RecipeError
from genkit.recipe.binding.part_fields import parameters_of
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.tables import Recipe
from genkit.recipe.text.shipped import recipes_folder
from genkit.tuning.read_space import read_space
from genkit.tuning.schema_of_space import schema_of_space
from genkit.tuning.space_checks import UNSEARCHABLE

BETA = '[keys."loss.beta_kl"]\nlow = 0.01\nhigh = 10.0\nlog = true'


@pytest.fixture(scope="module")
def schema():
    return schema_of_space(load_registry()).schema


@pytest.fixture(scope="module")
def accepted(schema):
    return accepts(schema)


def is_read(path: Path, text: str) -> bool:
    path.write_text(text, encoding="utf-8")
    try:
        read_space(path)
    except RecipeError:
        return False
    return True


def changed(old: str, new: str) -> str:
    assert old in SPACE
    return SPACE.replace(old, new)


@pytest.mark.parametrize("path", sorted((recipes_folder() / "spaces").glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_space_is_valid(path, accepted):
    assert accepted(tomllib.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seeds", "seeds"),
        ("seeds", "sampler_seed = 3\nseeds"),
        ("seeds", 'direction = "higher"\npruner = "median"\nseeds'),
        (BETA, '[keys."loss.beta_kl"]\nvalues = [2.5, "", true, [1], { use = "cosine", stop = 2 }]'),
        (BETA, '[keys."loss.beta_kl.stop"]\nvalues = [1.0, 2.0]\nalso = ["loss.beta_rec"]'),
        (BETA, '[keys.loss]\nvalues = ["vae", "soft-introvae"]'),
        (BETA, '[keys."optimiser.encoder.lr"]\nlow = 1e-4\nhigh = 1e-2\nlog = true'),
        (BETA, '[keys."loss.of_another_plugin"]\nlow = 1\nhigh = 3'),
        (BETA, '[keys."train.batch_size"]\nlow = 16\nhigh = 64\nstep = 16'),
    ],
)
def test_what_the_reader_accepts_is_accepted(old, new, accepted, tmp_path):
    text = changed(old, new)
    assert is_read(tmp_path / "space.toml", text) and accepted(tomllib.loads(text))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("metric =", "metrik ="),
        ('metric = "modes"', 'metric = ["modes"]'),
        ("seeds = [3, 4]", "seeds = [-3]"),
        ("seeds = [3, 4]", ""),
        ('"tpe"', '"bayes"'),
        ("trials = 14", "trials = 0"),
        ("seeds", 'direction = "up"\nseeds'),
        ("seeds", 'pruner = "halving"\nseeds'),
        ("log = true", 'log = "yes"'),
        ("low = 0.01", 'low = "a little"'),
        ("low = 0.01", "lwo = 0.01"),
        ("log = true", 'log = true\nalso = "loss.beta_rec"'),
        (BETA, '[keys."loss.beta_kl"]\nvalues = 3'),
        ('"loss.beta_kl"', "loss.beta_kl"),
        *(
            ('"loss.beta_kl"', f'"{key}"')
            for key in ("data.scale", "metrics.modes.samples", "seed", "report.log_every")
        ),
    ],
)
def test_reader_and_schema_refuse_a_mistake(old, new, accepted, tmp_path):
    text = changed(old, new)
    assert not is_read(tmp_path / "space.toml", text) and not accepted(tomllib.loads(text))


def test_keys_of_recipes_are_named_with_their_meaning(schema):
    named = schema["properties"]["keys"]["properties"]
    assert {"train.steps", "loss.beta_kl", "model.latent_dim", "ema.decay"} <= named.keys()
    assert all(each["description"] for each in named.values())
    assert "Weight" in named["loss.beta_kl"]["description"]
    tables = {key.partition(".")[0] for key in named}
    assert tables <= parameters_of(Recipe).keys() - UNSEARCHABLE
