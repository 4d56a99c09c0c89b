import math

import numpy as np
import pytest
from PIL import Image

from genkit.core.metric import EvaluationProtocol
from genkit.draw.panels import COLUMNS, Panel, Section, running_mean, save_sections
from genkit.draw.style import DPI
from genkit.evaluation.evaluate import Result
from genkit.runs.curves import curves_of, evaluation_panels, sections_of
from genkit.runs.evaluate_during_training import EvaluationRecord

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


def test_each_number_of_the_journal_stands_in_one_section():
    health, terms, schedules, evaluations = sections_of(LINES, schedules={"c"})
    assert titles(health) == ["kl, encoder phase", "kl"]
    assert titles(terms) == ["total", "rec", "kl_fake"]
    assert titles(schedules) == ["c", "beta", "learning rate"]
    assert titles(evaluations) == []
    drawn = sum(
        len(curve) for section in (health, terms, schedules) for p in section.panels for curve in p.curves.values()
    )
    logged = sum(len(curve) for curve in curves_of(LINES).values())
    assert drawn == logged - 2  # "rec" of the two phases is one curve


def test_kinds_of_samples_stand_beside_each_other_and_phases_in_one_panel():
    health, terms, *_ = sections_of(LINES)
    assert health.panels[0].curves == {"real": [(200, 2.0), (300, 1.0)], "fake": [(200, 3.0), (300, 1.0)]}
    rec = next(panel for panel in terms.panels if panel.title == "rec")
    assert rec.curves == {"vae": [(100, 9.0)], "encoder, decoder": [(200, 4.0), (300, 2.0)]}
    assert "c" in titles(terms)  # a term, where nothing says that it is a schedule


def test_a_phase_that_begins_later_is_marked_and_one_that_is_there_from_the_start_is_not():
    assert [section.begins for section in sections_of(LINES, begins=[140])] == [[140]] * 4
    assert sections_of(LINES)[0].begins == ()


def test_what_is_no_number_has_no_curve_and_what_is_not_finite_leaves_a_gap():
    curves = curves_of([{"step": 1, "t": 0.5, "a/x": math.inf, "a/text": "no", "a/none": None, "a/flag": True}])
    assert list(curves) == ["a/x"]
    assert math.isnan(curves["a/x"][0][1])


def evaluated(*values, better="lower"):
    protocol = EvaluationProtocol(1, "test", "raw")
    return [EvaluationRecord(step, [Result("fid", value, better, protocol)]) for step, value in enumerate(values)]


def test_evaluations_have_a_panel_a_metric_whose_best_is_ringed_where_it_has_one():
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
    save_sections(tmp_path / "curves.png", sections, "vae on digits")
    rows, headings = sum(math.ceil(n / COLUMNS) for n in panels), sum(n > 0 for n in panels)
    height = max(1.75 * rows + 0.3 * headings, 0.6) + 0.35
    assert size(tmp_path / "curves.png") == (int(3.2 * COLUMNS * DPI), pytest.approx(height * DPI, abs=1))


def test_the_same_lines_give_the_same_bytes_and_other_lines_others(tmp_path):
    for name, lines in (("a.png", LINES), ("b.png", LINES), ("c.png", LINES[:2])):
        save_sections(tmp_path / name, sections_of(lines), "as-introvae, 300 steps, 5 $ and 6 $")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "c.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "c.png"]


def test_a_term_that_is_never_finite_and_one_with_very_many_points_have_their_panels(tmp_path):
    lines = [{"step": i, "encoder/rec": math.nan, "encoder/total": math.sin(i) + 2} for i in range(400)]
    assert titles(sections_of(lines)[1]) == ["total", "rec"]
    save_sections(tmp_path / "curves.png", sections_of(lines), "diverged")
    assert size(tmp_path / "curves.png")
