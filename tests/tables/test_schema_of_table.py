"""The JSON schema of tables of results, and of the keys of recipes that they set."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import tomli_w
from support.schemas import accepts

from genkit.errors import RecipeError
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.text.document import Document
from genkit.recipe.text.overrides import with_override
from genkit.recipe.text.shipped import recipes_folder
from genkit.recipe.text.toml_text import parse
from genkit.tables.read_table import read_table
from genkit.tables.schema_of_table import schema_of_table

TABLE = """\
title = "tiny"
metrics = ["modes"]
seeds = [0]

[rows.short]
title = "Short"

[columns.vae]
recipe = "tiny.toml"
"""


@pytest.fixture(scope="module")
def accepted():
    return accepts(schema_of_table(load_registry()).schema)


def with_key(override: str) -> dict:
    return with_override(Document(parse(TABLE)), override).tables


def test_all_shipped_tables_are_valid(accepted):
    paths = sorted((recipes_folder() / "tables").glob("*.toml"))
    assert paths and all(accepted(tomllib.loads(path.read_text(encoding="utf-8"))) for path in paths)


@pytest.mark.parametrize(
    "override",
    [
        *("colums.vae.title='VAE'", "rows.short.titel='x'", "seeds=['a']", "seeds=[-1]", "metrics='modes'", "title="),
        *("columns.vae.recipe=", "published.source='x'", "rows.short.columns='vae'", "rows=5"),
    ],
)
def test_reader_and_schema_refuse_a_mistake(override, accepted, tmp_path: Path):
    assert accepted(with_key("note='plain'"))
    path = tmp_path / "table.toml"
    path.write_text(tomli_w.dumps(with_key(override)))
    with pytest.raises(RecipeError):
        read_table(path)
    assert not accepted(with_key(override))


@pytest.mark.parametrize(
    "override",
    [
        *("train.steps=5", "train.epochs=''", "train.precision=''", "ema=''", "report.strip_steps=''"),
        *("loss.beta_kl=0.5", "loss.beta_kl.stop=0.5", "loss.divergence='zero'", "loss.divergence=''"),
        *("metrics.mine={use='modes'}", "metrics.modes.samples=5", "metrics.mine.samples=5"),
        *("optimiser.encoder.lr=1e-3", "model.prior.components=3"),
    ],
)
def test_a_row_sets_or_removes_any_key_of_a_recipe(override, accepted):
    for table in ("rows.short.set", "columns.vae.set"):
        assert accepted(parse(f"{TABLE}\n[{table}]\n{override}\n"))


@pytest.mark.parametrize(
    "override",
    [
        *("trian.steps=5", "train.step=5", "train.steps='five'", "train.steps=0", "loss.bta_kl=0.5", "loss.use='vea'"),
        *("loss.divergence='kll'", "metrics.modes.sampels=5", "optimiser.encoder.lr=true", "train.precision='fp8'"),
    ],
)
def test_a_mistake_in_a_set_table_is_refused(override, accepted):
    for table in ("rows.short.set", "columns.vae.set"):
        assert not accepted(parse(f"{TABLE}\n[{table}]\n{override}\n"))


def test_a_dotted_key_in_quotation_marks_is_accepted(accepted):
    tables = parse(TABLE)
    tables["rows"]["short"]["set"] = {"train.steps": 5}
    assert accepted(tables)
