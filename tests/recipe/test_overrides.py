"""The option ``--set table.key=value``."""

import functools

import pytest
from support.messages import assert_names

from genkit.errors import UsageError
from genkit.recipe.text.document import read
from genkit.recipe.text.overrides import parted, with_override

TEXT = """\
title = "x"

[train]
lines = [1, 2]

[loss.c]
use = "curriculum-c"
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(TEXT)
    return path


def overridden(path, *overrides):
    return functools.reduce(with_override, overrides, read(path))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("true", True),
        ("bare text", "bare text"),
        ('"3"', "3"),
        ("[1, 2]", [1, 2]),
        ('"a # b"', "a # b"),
    ],
)
def test_a_value_is_toml_or_else_bare_text(path, text, value):
    assert overridden(path, f"train.steps={text}").tables["train"]["steps"] == value


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{steps=3", "end"),
        ("[1, 2", "end"),
        ('"abc', "end"),
        (" 'abc", "end"),
        ("[1, 2]]", "character 7 "),
        ("[1,, 2]", "character 4 "),
        ("[1,\n2,, 3]", "line 2 of the value, at character 3:"),
    ],
)
def test_a_value_that_begins_as_toml_and_is_not_valid_is_refused_with_the_place(path, text, place):
    with pytest.raises(UsageError) as refused:
        overridden(path, f"train.steps={text}")
    assert_names(refused.value, f"--set train.steps={text}: not valid TOML ", place)


def test_an_empty_value_removes_the_key(path):
    assert overridden(path, "train.lines=").tables["train"] == {}


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("train.line=", "mean lines?"),
        ("trian.lines= ", "mean train?"),
        ("loss.c.stop=", "use"),
        ("title.x=", "use"),
        ("ema=", "loss, title, train"),
    ],
)
def test_a_key_that_is_missing_cannot_be_removed(path, override, meant):
    with pytest.raises(UsageError) as refused:
        overridden(path, override)
    assert_names(refused.value, f"--set {override}: ", meant)


def test_an_empty_text_removes_a_key_that_may_be_missing_as_tables_and_spaces_write_it(path):
    assert overridden(path, 'train.lines=""').tables["train"] == {}
    assert overridden(path, 'train.line=""').tables == read(path).tables


def test_a_key_that_an_earlier_override_has_set_can_be_removed(path):
    assert overridden(path, "train.steps=3", "train.steps=").tables == read(path).tables


def test_an_override_adds_the_tables_that_are_missing(path):
    assert overridden(path, "optimiser.encoder.lr=1").tables["optimiser"] == {"encoder": {"lr": 1}}


def test_an_override_leaves_the_document_unchanged(path):
    document = read(path)
    with_override(document, "train.lines=3")
    assert document == read(path)


def test_an_override_reaches_into_a_bare_name(path):
    tables = overridden(path, "loss.c=linear", "loss.c.stop=2").tables
    assert tables["loss"]["c"] == {"use": "linear", "stop": 2}


def test_a_bare_name_becomes_a_table(path):
    assert overridden(path, "title.x=1").tables["title"] == {"use": "x", "x": 1}  # which the recipe then refuses


def test_a_key_that_an_override_sets_is_placed_at_the_option(path):
    assert str(overridden(path, "loss.c.use=x").place(("loss", "c", "use"))) == "--set [loss.c] use"


@pytest.mark.parametrize("override", ["", "steps", "=3", "train..x=1"])
def test_an_override_without_a_key_or_a_value_is_refused_with_an_example(override):
    with pytest.raises(UsageError) as refused:
        parted(override, "train.steps=500")
    assert_names(refused.value, f"--set {override}: ", "table.key=value", "--set train.steps=500")


def test_an_override_into_a_list_is_refused(path):
    with pytest.raises(UsageError) as refused:
        overridden(path, "train.lines.x=1")
    assert_names(refused.value, "--set train.lines.x=1: ", "train.lines is [1, 2]", "Set train.lines")


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("train.steps=1\nb=2", ("also sets b",)),
        ("train.steps=1 # 2", ("comment",)),
        ("train.steps=1\n[loss]\nuse='vae'", ("also sets loss",)),
        (f"train.steps={'1' * 5_000}", ("digits",)),
        (f"a={'[' * 3_000}", ("levels",)),
        (f"a={'[' * 3_000}{']' * 3_000}", ("levels",)),
        (f"{'.'.join('a' * 6_000)}=1", ("6000 names",)),
        ("train.st\udcfceps=1", ("UTF-8",)),
    ],
    ids=lambda given: given[:12],
)
def test_an_override_that_is_more_than_one_value_is_refused_in_a_short_message(path, override, names):
    with pytest.raises(UsageError) as refused:
        overridden(path, override)
    assert_names(refused.value, f"--set {override[:12]}", *names)
    assert len(str(refused.value)) < 250
