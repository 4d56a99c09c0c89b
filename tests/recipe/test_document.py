import functools
from pathlib import Path

import pytest

from genkit.errors import UsageError
from genkit.recipe.document import read, with_override

TEXT = '''title = "x"  # a comment

[train]
lines = [
  1,
  2,
]
text = """
[not.a.table]
key = 1
"""

[loss.c]
use = "curriculum-c"
deep.inner = { leaf = 1 }
'''


def overridden(path, *overrides):
    return functools.reduce(with_override, overrides, read(path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "r.toml"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("title",), 1),
        (("train",), 3),
        (("train", "lines"), 4),
        (("train", "text"), 8),
        (("loss", "c"), 13),
        (("loss", "c", "use"), 14),
        (("loss", "c", "deep", "inner", "leaf"), 15),
    ],
)
def test_every_key_knows_its_line(path, key, line):
    assert read(path).lines[key] == line


def test_a_key_that_is_missing_is_placed_at_its_table(path):
    assert str(read(path).place(("loss", "c", "rate"))) == f"{path}:13 [loss.c] rate"


def test_a_table_that_only_its_subtables_write_has_their_line(tmp_path):
    (tmp_path / "r.toml").write_text("a = 1\n[metric.modes]\n")
    assert read(tmp_path / "r.toml").place(("metric",)).line == 2


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    (tmp_path / "r.toml").write_bytes(b"\xef\xbb\xbfa = 1\n")
    assert read(tmp_path / "r.toml").tables == {"a": 1}


def test_what_looks_like_a_table_in_a_string_is_none(path):
    assert ("not", "a", "table") not in read(path).lines


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0.5", 0.5), ("true", True), ("bare text", "bare text"), ('"3"', "3"), ("[1, 2]", [1, 2])],
)
def test_an_override_is_toml_or_else_bare_text(path, text, value):
    assert overridden(path, f"train.steps={text}").tables["train"]["steps"] == value


def test_an_override_reaches_into_a_bare_name(path):
    tables = overridden(path, "loss.c=linear", "loss.c.stop=2").tables
    assert tables["loss"]["c"] == {"use": "linear", "stop": 2}


def test_an_override_says_so_where_it_is_placed(path):
    assert str(overridden(path, "loss.c.use=x").place(("loss", "c", "use"))) == "--set [loss.c] use"


@pytest.mark.parametrize("override", ["steps", "=3", "train..x=1", "title.x=1", "train.lines.x=1"])
def test_an_override_that_cannot_be_is_refused(path, override):
    if override == "title.x=1":  # a bare name becomes a table, which the recipe then refuses
        assert overridden(path, override).tables["title"] == {"use": "x", "x": 1}
        return
    with pytest.raises(UsageError, match="--set"):
        overridden(path, override)


def test_a_broken_file_names_its_line(tmp_path):
    (tmp_path / "b.toml").write_text("a = 1\nb = [\n")
    with pytest.raises(UsageError, match=r"b\.toml: not valid TOML.*line 2|b\.toml: not valid TOML.*end of document"):
        read(tmp_path / "b.toml")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read(tmp_path / "none.toml")
