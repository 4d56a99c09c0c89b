"""A recipe with [ema], shipped or shown, says which weights each number is of; its pictures are of EMA weights."""

import re
import tomllib
from pathlib import Path

import pytest

from genkit.recipe.binding.part_fields import parameters_of
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.text.shipped import recipes_folder

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
BOTH = {"as_introvae_digits"}  # the kept tables of digits have the numbers of both weights
SHIPPED = {path.stem: path.read_text(encoding="utf-8") for path in sorted(recipes_folder().glob("*.toml"))}
BLOCK = re.compile(r"^```toml[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHOWN = {
    f"{path.relative_to(ROOT)}-{number}": block
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    for number, block in enumerate(BLOCK.findall(path.read_text(encoding="utf-8")))
}


def weights_of_metrics(text):
    """Return the key `weights` of each metric that takes it, by label; None if it is left out. Empty without [ema]."""
    tables = tomllib.loads(text)
    if "ema" not in tables:
        return {}
    registry, found = load_registry(), {}
    for label, table in tables.get("metrics", {}).items():
        keys = {"use": table} if isinstance(table, str) else {"use": label, **table}
        if "weights" in parameters_of(registry.find("metrics", keys["use"]).load()):
            found[label] = keys.get("weights")
    return found


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_has_numbers_of_the_weights_that_its_pictures_show(name):
    weights = weights_of_metrics(SHIPPED[name])
    assert set(weights.values()) <= ({"raw", "ema"} if name in BOTH else {"ema"}), weights


@pytest.mark.parametrize("name", SHOWN)
def test_a_shown_recipe_says_which_weights_each_number_is_of(name):
    assert None not in weights_of_metrics(SHOWN[name]).values()


def test_recipes_are_looked_at():
    assert sum(bool(weights_of_metrics(text)) for text in SHIPPED.values()) >= 15
    assert sum(bool(weights_of_metrics(text)) for text in SHOWN.values()) >= 4
    assert weights_of_metrics("[ema]\n[metrics.psnr]\n[metrics.a]\nuse = 'ssim'\nweights = 'raw'") == {
        "psnr": None,
        "a": "raw",
    }
