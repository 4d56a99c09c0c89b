"""Curves of a run: which values share a panel, and how the panels are drawn."""

import math

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image
from support.quick_pictures import USUAL

from genkit.core.metric import EvaluationProtocol
from genkit.core.result import EvaluationRecord, Result
from genkit.draw.panels import COLUMNS, Panel, Section, running_mean, save_curve_panels
from genkit.runs.report.curves import curves_of, evaluation_panels, sections_of

pytestmark = [pytest.mark.usefixtures("laid_out"), pytest.mark.trains]

LINES = [
    {"step": 100, "t": 0.0, "vae/rec": 9.0, "vae/kl": 2.0, "schedule/beta": 0.1,
     "lr/encoder": 2e-4, "lr/decoder": 1e-4},
    {"step": 200, "encoder/rec": 4.0, "encoder/kl_fake": 3.0, "encoder/kl_real": 2.0, "encoder/c": 0.1,
     "decoder/rec": 4.0, "decoder/kl_fake": 3.0, "decoder/total": 1.0, "schedule/beta": 0.2},
    {"step": 300, "encoder/rec": 2.0, "decoder/rec": 2.0, "encoder/kl_fake": 1.0, "encoder/kl_real": 1.0,
     "encoder/c": 0.5, "decoder/kl_fake": 2.0, "decoder/total": 0.5, "schedule/beta": 0.3},
]  # fmt: skip


def size(path):
    with Image.open(path) as picture:
        picture.load()
        assert picture.format == "PNG"
        return picture.size


def titles(section):
    return [panel.title for panel in section.panels]


def test_each_logged_value_is_in_one_section():
    groups, terms, schedules, evaluations = sections_of(LINES, schedules={"c"})
    assert titles(groups) == ["kl, encoder", "kl, decoder"]
    assert titles(terms) == ["total", "rec"]
    assert titles(schedules) == ["c", "beta", "learning rate"]
    assert titles(evaluations) == []
    drawn = sum(
        len(curve) for section in (groups, terms, schedules) for p in section.panels for curve in p.curves.values()
    )
    logged = sum(len(curve) for curve in curves_of(LINES).values())
    assert drawn == logged - 2  # "rec" is equal in two phases


def test_terms_with_a_common_prefix_and_the_phases_of_a_term_share_a_panel():
    groups, terms, *_ = sections_of(LINES)
    kl = {"vae": [(100, 2.0)], "real": [(200, 2.0), (300, 1.0)], "fake": [(200, 3.0), (300, 1.0)]}
    assert groups.panels[0].curves == kl and groups.panels[1].curves == {"fake": [(200, 3.0), (300, 2.0)]}
    rec = next(panel for panel in terms.panels if panel.title == "rec")
    assert rec.curves == {"vae": [(100, 9.0)], "encoder, decoder": [(200, 4.0), (300, 2.0)]}
    assert "c" in titles(terms)  # a term, unless `schedules` has its name


def test_panels_of_one_prefix_are_next_to_each_other_and_no_name_is_special():
    values = {"a/x_up": 1.0, "a/x_down": 2.0, "a/y_up": 3.0, "a/y_down": 4.0, "b/x_up": 5.0, "b/x_down": 6.0}
    groups, terms, *_ = sections_of([{"step": 1, **values, "b/z_up": 7.0, "c/x": 8.0}])
    assert titles(groups) == ["x, a", "x, b", "y, a"]
    assert groups.panels[0].curves == {"c": [(1, 8.0)], "up": [(1, 1.0)], "down": [(1, 2.0)]}
    assert groups.panels[1].curves == {"up": [(1, 5.0)], "down": [(1, 6.0)]}
    assert titles(terms) == ["z_up"]


def test_a_phase_that_is_named_as_a_term_of_the_group_keeps_its_curve():
    values = {"real/kl": 1.0, "a/kl_fake": 2.0, "b/kl_real": 3.0, "b/kl_fake": 4.0, "c/kl": 1.0}
    groups, terms, *_ = sections_of([{"step": 1, **values}])
    assert titles(groups) == ["kl, b", "kl, a"] and titles(terms) == []  # the phase with most terms is the first
    assert groups.panels[0].curves == {"real, c": [(1, 1.0)], "real": [(1, 3.0)], "fake": [(1, 4.0)]}
    groups, *_ = sections_of([{"step": 1, **values, "c/kl": 9.0}])
    assert list(groups.panels[0].curves) == ["real phase", "c", "real", "fake"]


def test_the_begin_of_a_phase_is_passed_to_all_sections():
    assert [section.begins for section in sections_of(LINES, begins=[140])] == [[140]] * 4
    assert sections_of(LINES)[0].begins == ()


def test_only_numbers_have_curves_and_a_value_that_is_not_finite_is_a_gap():
    curves = curves_of([{"step": 1, "t": 0.5, "a/x": math.inf, "a/text": "no", "a/none": None, "a/flag": True}])
    assert list(curves) == ["a/x"]
    assert math.isnan(curves["a/x"][0][1])


def evaluated(*values, better="lower"):
    protocol = EvaluationProtocol(1, "test", "raw")
    return [EvaluationRecord(step, [Result("fid", value, better, protocol)]) for step, value in enumerate(values)]


def test_each_metric_has_a_panel_with_its_best_value_marked():
    (panel,) = evaluation_panels({"": evaluated(3.0, None, 1.0, 1.0)})
    assert (panel.title, panel.curves, panel.best) == ("fid ↓", {"": [(0, 3.0), (2, 1.0), (3, 1.0)]}, [(2, 1.0)])
    (panel,) = evaluation_panels({"a": evaluated(3.0, 4.0, better="higher"), "b": evaluated(None, better="higher")})
    assert (panel.title, list(panel.curves), panel.best) == ("fid ↑", ["a"], [(1, 4.0)])
    (panel,) = evaluation_panels({"": evaluated(3.0, 4.0, better=None)})
    assert (panel.title, panel.best) == ("fid", [])
    assert list(evaluation_panels({"": evaluated(None, None)})) == []


def test_the_running_mean_is_that_of_the_finite_neighbours():
    values = np.array([1.0, 5.0, math.nan, 3.0, 8.0, 2.0])
    expected = []
    for place, value in enumerate(values):
        near = values[max(place - 1, 0) : place + 2]
        expected.append(math.nan if math.isnan(value) else near[np.isfinite(near)].mean())
    np.testing.assert_allclose(running_mean(values, 2), expected)


@pytest.mark.parametrize("panels", [(0,), (1,), (3,), (4,), (2, 7)])
def test_the_figure_grows_with_its_panels(tmp_path, panels):
    sections = [Section("a heading", [Panel(f"x{i}", {"": [(0, 1.0), (9, 2.0)]}) for i in range(n)]) for n in panels]
    save_curve_panels(tmp_path / "curves.png", sections, "vae on digits")
    rows, headings = sum(math.ceil(n / COLUMNS) for n in panels), sum(n > 0 for n in panels)
    height = max(1.75 * rows + 0.3 * headings, 0.6) + 0.35
    assert size(tmp_path / "curves.png") == (
        int(3.2 * COLUMNS * USUAL["DPI"]),
        pytest.approx(height * USUAL["DPI"], abs=1),
    )


def test_equal_lines_give_equal_pictures_and_different_lines_different_ones(tmp_path):
    for name, lines in (("a.png", LINES), ("b.png", LINES), ("c.png", LINES[:2])):
        save_curve_panels(tmp_path / name, sections_of(lines), "as-introvae, 300 steps, 5 $ and 6 $")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "c.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "c.png"]


def test_a_term_that_is_never_finite_and_a_term_with_many_points_have_panels(tmp_path):
    lines = [{"step": i, "encoder/rec": math.nan, "encoder/total": math.sin(i) + 2} for i in range(400)]
    assert titles(sections_of(lines)[1]) == ["total", "rec"]
    save_curve_panels(tmp_path / "curves.png", sections_of(lines), "diverged")
    assert size(tmp_path / "curves.png")


def test_a_short_run_has_a_line_with_a_marker_at_each_logged_value(tmp_path, monkeypatch):
    drawn = []
    plot = Axes.plot

    def record(axes, steps, values, **style):
        drawn.append((list(steps), style["marker"], style.get("linestyle")))
        return plot(axes, steps, values, **style)

    monkeypatch.setattr(Axes, "plot", record)
    lines = [{"step": step, "vae/total": 1 / step} for step in range(20, 201, 20)]
    save_curve_panels(tmp_path / "few.png", sections_of(lines[4::5]), "two hundred steps")
    save_curve_panels(tmp_path / "one.png", sections_of(lines[-1:]), "two hundred steps")
    assert drawn == [([100, 200], ".", None), ([200], ".", None)]
