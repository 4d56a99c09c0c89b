"""Errors: the text of a problem, and pickling."""

import copy
import pickle

import pytest

from genkit.errors import GenkitError, Place, Problem, RecipeError

PROBLEMS = (
    Problem(Place("recipes/x.toml", 14, ("loss", "bta_neg")), "unknown key.", "genkit-torch-introvae 0.1.0"),
    Problem(Place("recipes/x.toml", None, ("title",)), "missing."),
)


@pytest.mark.parametrize(
    "place, text",
    [
        (Place(), "recipe"),
        (Place("x.toml", 14, ("loss", "beta_neg")), "x.toml:14 [loss] beta_neg"),
        (Place("x.toml", 3, ("metrics", "fid", "samples")), "x.toml:3 [metrics.fid] samples"),
        (Place("x.toml", None, ("title",)), "x.toml title"),
        (Place("x.toml", 14, ("loss",), "--set"), "x.toml:14 and --set loss"),
    ],
)
def test_a_place_names_file_line_table_and_key(place, text):
    assert str(place) == text


def test_a_recipe_error_has_one_line_for_each_problem():
    lines = str(RecipeError(PROBLEMS)).splitlines()
    assert lines == [
        "recipes/x.toml:14 [loss] bta_neg: unknown key. (genkit-torch-introvae 0.1.0)",
        "recipes/x.toml title: missing.",
    ]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_copy_of_a_recipe_error_keeps_its_problems(copied):
    error = copied(RecipeError(list(PROBLEMS)))
    assert type(error) is RecipeError and error.exit_code == 2
    assert error.problems == PROBLEMS and str(error) == str(RecipeError(PROBLEMS))


def kinds_of_errors(kind=GenkitError):
    yield kind
    for each in kind.__subclasses__():
        yield from kinds_of_errors(each)


@pytest.mark.parametrize("kind", [*kinds_of_errors()])
def test_every_error_reaches_another_process_whole(kind):
    error = kind(list(PROBLEMS) if kind is RecipeError else "a text")
    error.alone = True
    read = pickle.loads(pickle.dumps(error))
    assert (type(read), str(read), read.exit_code, read.alone) == (kind, str(error), error.exit_code, True)
