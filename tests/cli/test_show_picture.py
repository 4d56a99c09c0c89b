"""Commands show what they have drawn in a terminal that shows pictures, and print the same text elsewhere."""

import numpy as np
import pytest
from support.commands import IMAGES, TINY, genkit, write_recipe

from genkit.cli.show import show_picture
from genkit.console.blocks import LOWER, UPPER, Space

pytestmark = pytest.mark.trains


@pytest.fixture(autouse=True)
def _isolated(isolated):
    """Run each test in an empty folder."""


@pytest.fixture
def shown(monkeypatch):
    """Let the output be a terminal of 80 x 24 characters; return the pictures that are shown there."""
    pictures = []
    monkeypatch.setattr(show_picture, "space_for_picture", lambda console: None if console.quiet else Space(80, 24))
    monkeypatch.setattr(show_picture, "print_picture", lambda console, pixels: pictures.append(pixels))
    return pictures


def test_images_are_shown_by_the_commands_that_draw_them(tmp_path, shown):
    write_recipe(tmp_path, IMAGES)
    assert "samples   step 5" in genkit("run", "tiny.toml").out and len(shown) == 1
    run = "runs/0001-tiny-s0"
    for command in ("sample", "reconstruct", "interpolate"):
        assert genkit(command, run).code == 0
    assert len(shown) == 4 and all(0 < len(pixels) <= 24 and pixels.shape[1] <= 80 for pixels in shown)
    strip = np.load(f"{run}/strip/step-00000005.npy")
    np.testing.assert_array_equal(shown[0], show_picture.glance(strip, 80, 24))
    for options in (("sample", run, "--json"), ("run", "tiny.toml", "-q"), ("run", "tiny.toml", "--json")):
        assert genkit(*options).code == 0
    assert len(shown) == 4


def test_points_are_shown_as_squares_and_a_file_gets_no_picture(tmp_path, shown, monkeypatch):
    write_recipe(tmp_path, TINY)
    assert genkit("run", "tiny.toml").code == genkit("sample", "runs/0001-tiny-s0").code == 0
    assert [pixels.shape for pixels in shown] == [(24, 24, 4)] * 2
    for command in ("reconstruct", "interpolate"):
        assert genkit(command, "runs/0001-tiny-s0").code == 0
    assert len(shown) == 2
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert not {UPPER, LOWER} & set(genkit("sample", "runs/0001-tiny-s0").out)


def test_a_strip_that_is_damaged_or_absent_costs_the_picture_only(tmp_path, shown):
    write_recipe(tmp_path, TINY + "\n[report]\nstrip_steps = [3]\n")
    assert "samples   step 3" in genkit("run", "tiny.toml").out
    row = tmp_path / "runs" / "0001-tiny-s0" / "strip" / "step-00000003.npy"
    row.write_bytes(b"no array")
    assert genkit("resume", "runs/0001-tiny-s0").code == 0
    row.unlink()
    assert genkit("resume", "runs/0001-tiny-s0").code == 0 and len(shown) == 1
