"""Plans print themselves as the command prints them."""

import re

import pytest
from support.commands import TINY, write_recipe
from support.commands import genkit as command

import genkit
from genkit.errors import UsageError
from genkit.recipe.plan import Plan


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_plan_reads_as_the_command_prints_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = genkit.plan(write_recipe(tmp_path).name)
    assert isinstance(plan, Plan) and plan.steps == 5
    printed = command("plan", "tiny.toml").out
    # The widths differ, so cells break in other places.
    assert re.sub(r"\s", "", repr(plan)) == re.sub(r"\s", "", printed)


def test_the_html_has_the_same_cells_escaped(tmp_path):
    text = TINY.replace('"tiny"', '"<script>tiny</script>"')
    plan = genkit.plan(write_recipe(tmp_path, text))
    shown = plan._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;tiny" in shown
    assert shown.count("<table>") == shown.count("</table>") == 3
    for key in plan.keys:
        assert f"<td>{'.'.join(key.path)}</td>" in shown


def test_a_plan_of_a_plan_and_stand_in_data(tmp_path):
    recipe = genkit.read_recipe(write_recipe(tmp_path)).set({"metrics.modes": None})
    plan = genkit.plan(recipe, stand_in=True)
    assert plan.recipe.data.name == "stand-in" and repr(genkit.plan(plan)) == repr(plan)
    with pytest.raises(UsageError):
        genkit.plan(plan, stand_in=True)


def test_what_the_machine_lacks_is_shown(tmp_path):
    data = genkit.Use("image-folder", path=str(tmp_path / "nowhere"), resolution=16)
    recipe = genkit.read_recipe(write_recipe(tmp_path)).set(
        {"metrics.modes": None}, data=data, model=genkit.Use("small-conv")
    )
    plan = genkit.plan(recipe)
    assert plan.lacks and "nowhere" in repr(plan) and "nowhere" in plan._repr_html_()
