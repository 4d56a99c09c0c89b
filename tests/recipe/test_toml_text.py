"""TOML text: the line of every key, and limits."""

import tomllib
from pathlib import Path

import pytest
from support.messages import assert_names

from genkit.errors import UsageError
from genkit.recipe.text.document import read
from genkit.recipe.text.shipped import recipes_folder
from genkit.recipe.text.toml_text import MOST_LEVELS, BeyondLimits, parse, statements

ODD = [
    "a = 1",
    'a = "# not a comment [ {"  # a comment [ { "',
    "a = '# \" ['\nb = 1\n",
    'a = """\n"quoted" \\"" and [\n"""""\nb = 2\n',
    "a = '''\n'quoted' and [\n'''''\nb = 2\n",
    "a = \"\"\"\"\"\"\nb = ''''''\nc = \"\"\nd = ''\n",
    "a = [ # comment ]\n  [1, 2], # '''\n  { x = [\n 1 ] },\n]\nb = 3\n",
    '"a]b" = 1\n["c#d"]\ne = 2\n',
    "[[rows]]\na = 1\n\n# between\n[[rows]]\na = 2\n",
    "# a comment with \u2028, \u0085 and \x0b is one line\na = 1\n".replace("\x0b", ""),
    'a = "\u2028\u0085"\nb = 1\n',
    "a = 1\r\nb = [\r\n 1,\r\n]\r\nc = 2\r\n",
    "date = 2026-11-28T10:00:00Z\n",
]


def fewest_lines_that_parse(text):
    """Return the statements by the definition: the fewest consecutive lines that `tomllib` accepts."""
    found, pending, start = [], "", 1
    for number, line in enumerate(text.split("\n"), 1):
        start = start if pending else number
        pending += line + "\n"
        try:
            parsed = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue
        if parsed:
            found.append((start, parsed))
        pending = ""
    return found


SHIPPED = [path.read_text(encoding="utf-8") for path in sorted(Path(recipes_folder()).rglob("*.toml"))]


@pytest.mark.parametrize("text", [*ODD, *SHIPPED], ids=lambda text: repr(text[:20]))
def test_a_statement_is_the_fewest_lines_that_parse(text):
    tomllib.loads(text)
    assert [(line, tomllib.loads(each)) for line, each in statements(text)] == fewest_lines_that_parse(text)


def test_reading_a_long_array_parses_no_line_twice(monkeypatch, tmp_path):
    parsed = []
    loads = tomllib.loads
    monkeypatch.setattr(
        "genkit.recipe.text.toml_text.tomllib.loads", lambda text, **how: parsed.append(text) or loads(text)
    )
    path = tmp_path / "long.toml"
    path.write_text("a = [\n" + "  1,\n" * 2_000 + "]\nb = 1\n")
    assert read(path).lines == {("a",): 1, ("b",): 2_003}
    assert sum(map(len, parsed)) < 3 * path.stat().st_size


@pytest.mark.parametrize(
    "text",
    [
        f"a = {'1' * 4_400}",
        f"a = {'[' * 3_000}{']' * 3_000}",
        f"{'.'.join('a' * 6_000)} = 1",
        f"[{'.'.join('a' * 900)}]",
        f"a = {'[' * (MOST_LEVELS + 1)}{']' * (MOST_LEVELS + 1)}",
    ],
    ids=lambda text: text[:12],
)
def test_what_no_recipe_needs_is_refused_with_the_file(tmp_path, text):
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(BeyondLimits):
        parse(text)
    with pytest.raises(UsageError) as refused:
        read(path)
    assert_names(refused.value, f"{path}: ")
    assert len(str(refused.value)) < 300 + len(str(path))


def test_a_comment_may_hold_bytes_that_are_not_utf_8_and_a_key_has_its_line_below_it(tmp_path):
    path = tmp_path / "r.toml"
    path.write_bytes(b"# M\xf6we\na = 1\n")
    assert read(path).lines == {("a",): 2}
