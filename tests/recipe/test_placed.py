"""Places of messages about keys: each message that begins with a table gets the file and the line of its key."""

from pathlib import Path

import pytest

from genkit.errors import RecipeError, Unreadable, UsageError
from genkit.recipe.text.document import read
from genkit.recipe.text.overrides import with_override
from genkit.recipe.text.placed import located_texts, placed, placing_errors

pytestmark = pytest.mark.fast

TEXT = """title = "placed"
[data]
use = "image-folder"
path = "pictures"
hold_out = 0.2
[metrics.fid]
other = { use = "digits", classes = [1] }
[train]
batch_size = 8
"""


@pytest.fixture
def document(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("r.toml").write_text(TEXT)
    return read(Path("r.toml"))


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("[data] path: folder x not found.", "r.toml:4 [data] path: folder x not found."),
        ("[data] hold_out: 3 pictures", "r.toml:5 [data] hold_out: 3 pictures"),
        ("[data] pictures: no picture.", "r.toml:4 [data] path: pictures: no picture."),
        ("[data] pictures/train, train split: flat", "r.toml:4 [data] path: pictures/train, train split: flat"),
        ("[data] picturesque: no picture.", "r.toml:2 [data] picturesque: no picture."),
        ("[data] crop: 13 is more than 12.", "r.toml:2 [data] crop: 13 is more than 12."),  # not written
        ("[data]: the training samples have changed", "r.toml:2 [data]: the training samples have changed"),
        ("[data] the test split cannot be read", "r.toml:2 [data] the test split cannot be read"),
        ("[train] batch_size = 8, accumulate = 1: x", "r.toml:9 [train] batch_size = 8, accumulate = 1: x"),
        ("[metrics.fid.other] classes: x", "r.toml:7 [metrics.fid.other] classes: x"),
        ("[metrics.fid] needs weights", "r.toml:6 [metrics.fid] needs weights"),
    ],
)
def test_a_message_gets_the_line_of_its_key(document, message, place):
    assert placed(message, document) == place
    assert placed(place, document) == place  # only once


def test_a_value_of_a_key_is_known_by_its_absolute_path(document, tmp_path):
    folder = tmp_path / "pictures"
    assert placed(f"[data] {folder}: no picture.", document) == f"r.toml:4 [data] path: {folder}: no picture."


def test_an_override_is_the_place(document):
    changed = with_override(document, "data.path=nix")
    assert placed("[data] path: x", changed) == "--set [data] path: x"
    assert placed("[data] nix: x", changed) == "--set [data] path: nix: x"
    assert placed("[data] hold_out: x", changed) == "r.toml:5 [data] hold_out: x"
    assert placed("[data]: x", changed) == "r.toml:2 and --set [data]: x"


@pytest.mark.parametrize("message", ["no table", "[0, 1] is a range", "[blub] path: x", "r.toml:4 [data] path: x", ""])
def test_other_messages_stay(document, message):
    assert placed(message, document) == message


def test_each_line_of_a_message_gets_its_place(document):
    lines = placed("[data] path: 2 bad:\n  a.png\n[train] batch_size: 8", document).splitlines()
    assert lines == ["r.toml:4 [data] path: 2 bad:", "  a.png", "r.toml:9 [train] batch_size: 8"]
    found = [*located_texts("[data] path: 2 bad:\n  a.png\n[data] hold_out: x", document)]
    assert found == [(("data", "path"), "2 bad:\n  a.png"), (("data", "hold_out"), "x")]


def test_an_error_keeps_its_class(document):
    with pytest.raises(Unreadable, match=r"^r\.toml:4 \[data\] path: x$"), placing_errors(document):
        raise Unreadable("[data] path: x")
    with pytest.raises(UsageError, match="^x$"), placing_errors(document):
        raise UsageError("x")
    with pytest.raises(RecipeError), placing_errors(document):
        raise RecipeError(())
    with pytest.raises(ValueError, match=r"^\[data\] x$"), placing_errors(document):
        raise ValueError("[data] x")
