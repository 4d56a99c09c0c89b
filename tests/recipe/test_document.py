"""TOML files, and the line of every key in them."""

from pathlib import Path

import pytest
from support.messages import assert_names

from genkit.errors import UsageError
from genkit.recipe.text.document import read
from genkit.recipe.text.unread_file import RECIPE, SPACE, TABLE

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
deep.inner = { leaf = 1, empty = {} }
'''


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
        (("loss", "c", "deep"), 15),
        (("loss", "c", "deep", "inner", "leaf"), 15),
        (("loss", "c", "deep", "inner", "empty"), 15),
    ],
)
def test_every_key_has_its_line(path, key, line):
    assert read(path).lines[key] == line


def test_a_missing_key_is_placed_at_its_table(path):
    assert str(read(path).place(("loss", "c", "rate"))) == f"{path}:13 [loss.c] rate"


def test_a_table_that_only_its_subtables_write_has_their_line(tmp_path):
    (tmp_path / "r.toml").write_text("a = 1\n[metric.modes]\n")
    assert read(tmp_path / "r.toml").place(("metric",)).line == 2


def test_a_table_of_an_array_has_its_line(tmp_path):
    (tmp_path / "r.toml").write_text("[[rows]]\na = 1\n[[rows]]\na = 2\n")
    assert read(tmp_path / "r.toml").lines == {("rows",): 3, ("rows", "a"): 4}


def test_a_byte_order_mark_is_accepted(tmp_path):
    (tmp_path / "r.toml").write_bytes(b"\xef\xbb\xbfa = 1\n")
    assert read(tmp_path / "r.toml").tables == {"a": 1}


def test_the_text_of_a_string_is_not_read_as_a_table(path):
    assert ("not", "a", "table") not in read(path).lines


@pytest.mark.parametrize(
    ("name", "content", "names"),
    [
        ("broken.toml", b"a = 1\nb = = 2\n", ("not valid TOML", "line 2")),
        ("cut.toml", b"a = 1\nb = [\n", ("not valid TOML",)),
        ("binary.toml", b"\x89PNG\xff\xfe\x00", ("UTF-8",)),
        ("none.toml", None, ("not found", "genkit recipes")),
        ("vae_8gaussians.toml", None, ("not found", "genkit recipes copy vae_8gaussians")),
        (".", None, ("folder",)),
    ],
)
def test_a_file_that_cannot_be_read_is_reported_with_its_path(tmp_path, name, content, names):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        read(path)
    assert_names(refused.value, f"{path}: ", *names)


@pytest.mark.parametrize(
    ("name", "kind", "meant"),
    [
        ("as_introvae_digit", RECIPE, "mean as_introvae_digits?"),
        ("fases.toml", RECIPE, "mean faces.toml?"),
        ("folder/fases", RECIPE, "mean folder/faces.toml?"),
        ("folder/vae_conditional_digit", RECIPE, "mean vae_conditional_digits?"),
        ("tabel1", TABLE, "mean table1?"),
        ("beta_neg_digit", SPACE, "mean beta_neg_digits?"),
        ("beta_neg_digits", TABLE, "genkit tune RECIPE --space beta_neg_digits"),
        ("quite_another_thing", TABLE, "`genkit recipes`"),
    ],
)
def test_a_file_that_is_not_found_names_the_one_that_was_meant(tmp_path, monkeypatch, name, kind, meant):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for folder in ("", "folder"):
        (tmp_path / folder / "faces.toml").write_text(TEXT)
    with pytest.raises(UsageError) as refused:
        read(Path(name), kind)
    assert_names(refused.value, f"{name}: not found. ", meant)
