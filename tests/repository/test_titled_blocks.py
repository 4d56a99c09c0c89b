"""TOML blocks of the documentation that have a title: parts of a recipe, tables of results, spaces of searches.

A block without a title is a recipe or a fragment, which test_docs.py plans.
"""

from __future__ import annotations

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
import tomli_w
from PIL import Image

from genkit.recipe.plan import Plan, make_plan
from genkit.tables.planning import experiments_of
from genkit.tables.read_table import read_table
from genkit.tuning.planning import plan_search

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TITLED = {
    (page.relative_to(DOCS).as_posix(), title, number): text
    for page in sorted(DOCS.rglob("*.md"))
    for number, (title, text) in enumerate(
        re.findall(r'^```toml title="([^"]*)"\n(.*?)^```$', page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    )
}
PARTS = ("the table alone", "cifar10.toml")
SPACES = ("beta_neg_digits.toml", "small.toml", "rates.toml")
TABLES = {"my_table.toml": 12, "detection.toml": 1, "losses.toml": 9}  # their runs
# By title: the page whose test reads the block.
ELSEWHERE = {
    "bad.toml": "recipes.md",
    "steps.toml": "plugins.md",
    "start.toml": "plugin-kinds.md",
    "all.toml": "plugin-kinds.md",
    "pyproject.toml": "plugins.md",
    "triangle.toml": "plugin-bases.md",
    "archive.toml": "plugin-bases.md",
}


def blocks(*titles: str) -> list[tuple[str, str]]:
    """Return page and text of the blocks with one of these titles."""
    return [(page, text) for (page, title, _), text in TITLED.items() if title in titles]


def plan_with(text: str, **changes: object) -> Plan:
    """Plan the packaged digits with the tables of a block in place of their own, without metrics."""
    recipe = tomllib.loads((ROOT / "recipes" / "soft_introvae_digits.toml").read_text(encoding="utf-8"))
    del recipe["metrics"], recipe["evaluate"]
    Path("recipe.toml").write_text(tomli_w.dumps(recipe | tomllib.loads(text) | changes), encoding="utf-8")
    return make_plan("recipe.toml", try_step=False)


@pytest.fixture
def folder(isolated, monkeypatch):
    """A working folder with the recipes, and with the files that the blocks name."""
    if not find_spec("genkit_soft_introvae"):
        pytest.skip("the plugin soft-introvae is not installed")
    monkeypatch.setenv("GENKIT_PLUGINS", "all")
    (isolated / "recipes").symlink_to(ROOT / "recipes")
    (isolated / "slices").mkdir()
    for number in range(10):
        Image.new("L", (16, 16), 20 * number).save(isolated / "slices" / f"{number}.png")
    lines = ["path,group", *(f"{number}.png,patient-{number // 2}" for number in range(10))]
    (isolated / "patients.csv").write_text("\n".join(lines) + "\n")
    return isolated


def test_every_titled_block_has_a_test():
    tested = {*PARTS, *SPACES, *TABLES, "colour.toml", *ELSEWHERE}
    assert {title for _, title, _ in TITLED} == tested
    assert {page for page, title, _ in TITLED if title in ELSEWHERE} == set(ELSEWHERE.values())


@pytest.mark.parametrize(("page", "text"), blocks(*PARTS), ids=range(len(blocks(*PARTS))))
def test_a_part_of_a_recipe_plans(page, text, folder):
    plan = plan_with(text)
    for table, keys in tomllib.loads(text).items():
        assert plan.document.tables[table]["use"] == keys["use"]


def test_an_extractor_lacks_its_weights_only(folder):
    ((_, text),) = blocks("colour.toml")
    metrics = tomllib.loads(text)["metrics"]
    metrics["fid"]["samples"] = 5000  # of the digits; the default is more than there are
    (missing,) = plan_with(text, metrics=metrics).unmet
    assert metrics["fid"]["features"]["path"] in missing


@pytest.mark.parametrize("title", TABLES)
def test_a_table_of_results_plans(title, folder):
    if not find_spec("genkit_as_introvae"):
        pytest.skip("the plugin as-introvae is not installed")
    ((_, text),) = blocks(title)
    (folder / title).write_text(text, encoding="utf-8")
    (folder / "soft_introvae_digits.toml").symlink_to(ROOT / "recipes" / "soft_introvae_digits.toml")
    assert len(experiments_of(read_table(folder / title), folder / title)) == TABLES[title]


@pytest.mark.parametrize("title", SPACES)
def test_a_space_fits_the_recipe_of_digits(title, folder):
    ((_, text),) = blocks(title)
    (folder / title).write_text(text, encoding="utf-8")
    search = plan_search(Path("recipes/soft_introvae_digits.toml"), (), folder / title)
    assert {axis.name for axis in search.axes} == tomllib.loads(text)["keys"].keys()
