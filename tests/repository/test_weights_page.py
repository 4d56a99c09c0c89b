"""docs/choose-weights.md: its published weights are those of the recipes, and its picture can be drawn."""

from __future__ import annotations

import math
import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.commands import genkit

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "choose-weights.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in row.split("|")[1:-1]]
    for row in PAGE.partition("| data | size |")[2].partition("\n\n")[0].splitlines()[2:]
]
# Recipes with the published weights. genkit has none for Monsters.
RECIPES = {
    "MNIST, Fashion-MNIST": "soft_introvae_fashion_mnist",
    "CIFAR-10, SVHN": "soft_introvae_svhn",
    "CelebA-HQ": "soft_introvae_celeba256",
    "8 Gaussians": "soft_introvae_8gaussians_published",
    "2 spirals": "soft_introvae_2spirals_published",
    "checkerboard": "soft_introvae_checkerboard_published",
    "rings": "soft_introvae_rings_published",
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_force_fades_where_the_page_says(row):
    components = math.prod(int(side) for side in row[1].split(" x "))
    assert float(row[5]) == pytest.approx(components / (2 * float(row[4])), rel=0.03)


@pytest.mark.parametrize("data", RECIPES)
def test_the_published_weights_are_those_of_the_recipe(data):
    (row,) = (row for row in ROWS if row[0] == data)
    loss = tomllib.loads((ROOT / "recipes" / f"{RECIPES[data]}.toml").read_text(encoding="utf-8"))["loss"]
    weights = [loss.get(key, 1.0) for key in ("beta_kl", "beta_rec", "beta_neg")]
    assert [float(cell) for cell in row[2:5]] == weights


@pytest.mark.trains
@pytest.mark.skipif(not find_spec("genkit_soft_introvae"), reason="the plugin soft-introvae is not installed")
def test_the_picture_can_be_drawn_from_a_run(isolated, monkeypatch):
    monkeypatch.setenv("GENKIT_PLUGINS", "all")
    matplotlib = pytest.importorskip("matplotlib")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    (command,) = re.findall(r"^genkit (run .+beta_neg=64)$", PAGE, re.MULTILINE)
    words = command.replace("steps=300", "steps=4").replace("warmup_steps=100", "warmup_steps=2").split()
    smaller = ("train.batch_size=8", "model.channels=[4]", "evaluate=", "metrics=")
    assert genkit("recipes", "copy", "soft_introvae_digits").code == 0
    result = genkit(*words, *(word for override in smaller for word in ("--set", override)))
    assert result.code == 0, result.err
    (script,) = re.findall(r'^```python title="draw_kl.py"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL)
    with matplotlib.rc_context():
        exec(compile(script, "draw_kl.py", "exec"), {"__name__": "__main__"})
    assert Path("kl_of_beta_neg.png").stat().st_size > 10_000
