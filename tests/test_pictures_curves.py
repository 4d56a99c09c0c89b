import math

import pytest
from PIL import Image

from genkit.report.curves import panels_of, save_curves
from genkit.report.figure import DPI

LINES = [
    {"step": 100, "vae/rec": 9.0, "lr/encoder": 2e-4, "lr/decoder": 1e-4},
    {"step": 200, "encoder/rec": 4.0, "encoder/kl_fake": 3.0, "lr/encoder": 2e-4, "lr/decoder": 1e-4},
    {"step": 300, "encoder/rec": 2.0, "decoder/kl_fake": 1.0, "lr/encoder": 1e-6, "lr/decoder": 1e-4, "c": 0.5},
]


def size(path):
    with Image.open(path) as picture:
        picture.load()
        assert picture.format == "PNG"
        return picture.size


def test_a_panel_holds_one_term_of_all_phases_and_the_learning_rates_come_last():
    panels = panels_of(LINES)
    assert list(panels) == ["rec", "kl_fake", "c", "learning rate"]
    assert panels["rec"] == {"vae": [(100, 9.0)], "encoder": [(200, 4.0), (300, 2.0)]}
    assert panels["kl_fake"] == {"encoder": [(200, 3.0)], "decoder": [(300, 1.0)]}
    assert panels["learning rate"]["encoder"] == [(100, 2e-4), (200, 2e-4), (300, 1e-6)]


def test_what_is_no_number_has_no_panel_and_what_is_not_finite_leaves_a_gap():
    panels = panels_of([{"step": 1, "a/x": math.inf, "a/text": "no", "a/none": None, "a/flag": True}])
    assert list(panels) == ["x"]
    assert math.isnan(panels["x"]["a"][0][1])


@pytest.mark.parametrize("terms, columns, rows", [(0, 2, 1), (1, 2, 1), (2, 2, 1), (3, 3, 1), (4, 3, 2), (9, 3, 3)])
def test_the_figure_grows_with_the_number_of_terms(tmp_path, terms, columns, rows):
    line = {f"vae/term_{i}": float(i) for i in range(terms)}
    save_curves(tmp_path / "curves.png", [{"step": step, **line} for step in (0, 1)], "vae on digits")
    assert size(tmp_path / "curves.png") == (int(3.2 * columns * DPI), int((0.4 + 1.9 * rows) * DPI))


def test_the_same_lines_give_the_same_bytes_and_other_lines_others(tmp_path):
    for name, lines in (("a.png", LINES), ("b.png", LINES), ("c.png", LINES[:2])):
        save_curves(tmp_path / name, lines, "as-introvae, 300 steps, 5 $ and 6 $")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "c.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "c.png"]


def test_a_term_that_is_never_finite_still_has_its_panel(tmp_path):
    save_curves(tmp_path / "curves.png", [{"step": i, "encoder/rec": math.nan} for i in range(3)], "diverged")
    assert size(tmp_path / "curves.png")
