"""Nested tables and flat keys."""

from genkit.recipe.text.nested import flatten, leaves, nest

TABLES = {"seed": 1, "train": {"steps": 5, "deep": {"er": [1, {"a": 2}]}}, "metrics": {"modes": {}}}


def test_leaves_are_listed_in_order_and_an_empty_table_is_a_leaf():
    assert list(leaves(TABLES)) == [
        (("seed",), 1),
        (("train", "steps"), 5),
        (("train", "deep", "er"), [1, {"a": 2}]),
        (("metrics", "modes"), {}),
    ]
    assert list(leaves({})) == []


def test_flat_keys_are_the_paths_with_dots():
    assert list(flatten(TABLES)) == [(".".join(path), value) for path, value in leaves(TABLES)]


def test_nesting_the_leaves_gives_the_tables_back():
    assert nest(leaves(TABLES)) == TABLES
