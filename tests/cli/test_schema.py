"""``genkit schema``: the file that it writes, and what it refuses to overwrite."""

import json
import tomllib

import pytest
from support.commands import TINY, genkit, refused, write_recipe
from support.messages import assert_names
from support.schemas import accepts


@pytest.fixture
def here(isolated):
    return isolated


def test_the_schema_is_printed_and_describes_recipes(here):
    result = genkit("schema")
    assert (result.code, result.err) == (0, "")
    assert accepts(json.loads(result.out))(tomllib.loads(TINY))
    assert not list(here.iterdir())


def test_a_recipe_with_the_printed_line_is_the_same_recipe(here):
    result = genkit("schema", "--out", here)
    assert json.loads((here / "genkit.schema.json").read_text(encoding="utf-8"))["title"]
    line = result.out.splitlines()[-1]
    assert line == "#:schema ./genkit.schema.json"
    plain = json.loads(genkit("plan", write_recipe(here), "--json").out)
    marked = json.loads(genkit("plan", write_recipe(here, f"{line}\n{TINY}"), "--json").out)
    assert plain["parameters"] == marked["parameters"] and len(plain["keys"]) == len(marked["keys"])


def test_a_schema_is_written_again_and_no_other_file_is(here):
    assert genkit("schema", "--kind", "table", "--out", "of/table.json").code == 0
    before = (here / "of" / "table.json").read_bytes()
    assert genkit("schema", "--out", "of/table.json").code == 0
    assert (here / "of" / "table.json").read_bytes() != before
    recipe = write_recipe(here)
    assert_names(refused("schema", "--out", recipe), "--out", recipe, "not a schema")
    assert recipe.read_text() == TINY
    other = '{"$schema": "https://json.schemastore.org/tsconfig", "title": "of genkit"}'
    for content in ('{"modes": 8}', other):
        (here / "results.json").write_text(content)
        assert_names(refused("schema", "--out", "results.json"), "--out results.json")
        assert (here / "results.json").read_text() == content
    assert_names(refused("schema", "--kind", "tabel"), "--kind", "tabel", "Did you mean table?")


def test_without_plugins_their_parts_are_not_in_the_schema(here, monkeypatch):
    text = genkit("schema").out
    assert "soft-introvae" not in json.loads(text)["properties"]["loss"]["properties"]["use"]["enum"]
    assert "vae" in json.loads(text)["properties"]["loss"]["properties"]["use"]["enum"]
