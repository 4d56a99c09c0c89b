"""The core tables of a recipe."""

import re

import pytest

from genkit.recipe.binding.part_fields import parameters_of
from genkit.recipe.tables import EMA, Checkpoint, Evaluate, Recipe, Report, Train, Use


@pytest.mark.parametrize("table", [Recipe, Train, EMA, Checkpoint, Report, Evaluate])
def test_every_key_of_a_core_table_has_a_doc_that_is_one_sentence(table):
    for name, parameter in parameters_of(table).items():
        assert re.fullmatch(r"[A-Z][^.]*(\.\w[^.]*)*\.", parameter.doc), f"{table.__name__}.{name}: {parameter.doc!r}"


def test_the_bounds_of_a_key_survive_its_doc():
    with pytest.raises(ValueError, match="steps"):
        Train(batch_size=8)
    assert parameters_of(EMA)["decay"].default == 0.999
    assert "Interval" in str(parameters_of(EMA)["decay"].hint)


def test_a_recipe_in_python_is_written_as_toml_holds_it():
    recipe = Recipe(
        title="x",
        data=Use("numbered"),
        model=Use("tiny"),
        loss=Use("coupled", weight=Use("linear", stop=0.5), warmup_steps=None),
        optimiser={"encoder": Use("adam", betas=(0.5, 0.9))},
        train=Train(steps=1, batch_size=2),
    )
    tables = recipe.document().tables
    assert tables["loss"] == {"use": "coupled", "weight": {"use": "linear", "stop": 0.5}}
    assert tables["optimiser"] == {"encoder": {"use": "adam", "betas": [0.5, 0.9]}}
    assert "epochs" not in tables["train"] and "ema" not in tables
