"""Curves of the page of a run: where phases start, where schedules jump, and what terms mean."""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pytest

from genkit.api import ConstantSchedule, Doc, Phase, Schedule
from genkit.draw.panels import Panel, Section
from genkit.parts.schedules.cosine import CosineSchedule
from genkit.parts.schedules.linear import LinearSchedule
from genkit.parts.schedules.multistep import MultistepSchedule
from genkit.runs.report.report_about import ABOUT_KL, meanings_of
from genkit.runs.report.report_charts import chart_groups, numbers_of
from genkit.runs.report.report_phases import phase_starts
from genkit.runs.report.report_schedules import with_bends

pytestmark = pytest.mark.fast


def phase(name, start=0, every=1):
    return Phase(name, (name,), lambda model, batch: None, start=start, every=every)


def log_of(steps, every, schedules):
    """Return the lines of a log of a run of so many steps, written from the definition of t."""
    logged = [step for step in range(1, steps + 1) if step % every == 0 or step == steps]
    return [
        {"step": step, "a/total": 1.0, **{k: of((step - 1) / steps) for k, of in schedules.items()}} for step in logged
    ]


def test_a_plan_that_agrees_with_the_log_tells_the_step_after_which_a_phase_starts():
    lines = [{"step": step, "vae/kl": 1.0} for step in (30, 60)]
    lines += [{"step": step, "encoder/kl": 1.0, "decoder/kl": 1.0} for step in (90, 120)]
    phases = [phase("vae"), phase("encoder", 70), phase("decoder", 70)]
    assert phase_starts(lines, phases) == {"encoder, decoder after step 70": 70}
    seldom = [phase("vae"), phase("encoder", 70), phase("decoder", 70, every=8)]  # due in the step that is called 72
    assert phase_starts(lines, seldom) == {"encoder after step 70": 70, "decoder after step 71": 71}


@pytest.mark.parametrize("start", [20, 90, 100])
def test_a_plan_that_does_not_agree_with_the_log_is_not_believed(start):
    lines = [{"step": step, "vae/kl": 1.0} for step in (30, 60)]
    lines += [{"step": step, "encoder/kl": 1.0} for step in (90, 120)]
    bounds = {"encoder from step 60–90": 60}
    assert phase_starts(lines, [phase("vae"), phase("encoder", start)]) == phase_starts(lines) == bounds
    assert phase_starts(lines, [phase("vae")]) == bounds, "a phase that the plan does not have"


@pytest.mark.parametrize("every", [1, 2, 7, 30, 75])
@pytest.mark.parametrize("milestones", [(0.75,), (0.3, 0.31), (0.02, 0.5, 0.99)])
def test_a_schedule_jumps_at_the_step_at_which_a_log_of_every_step_has_it(every, milestones):
    schedules = {"lr/encoder": MultistepSchedule(1.0, milestones, 0.5)}
    whole = {line["step"]: line["lr/encoder"] for line in log_of(150, 1, schedules)}
    lines = log_of(150, every, schedules)
    shown = with_bends(lines, schedules, 150)
    assert [line for line in shown if line in lines] == lines
    assert [line["step"] for line in shown] == sorted({line["step"] for line in shown})
    curve = {line["step"]: line["lr/encoder"] for line in shown}
    assert curve.items() <= whole.items()
    ramps = [(a, b) for a, b in zip(list(curve), list(curve)[1:]) if curve[a] != curve[b] and b - a > 1]
    assert ramps == []
    assert all(set(line) == {"step", "lr/encoder"} for line in shown if line not in lines)


@dataclass(frozen=True)
class RampSchedule(Schedule):
    """Zero up to t = 0.3, one from t = 0.7 on, a straight line in between; then a jump to a tenth at t = 0.9."""

    def __call__(self, t):
        """Return the value at t."""
        return 0.1 if t >= 0.9 else min(1.0, max(0.0, (t - 0.3) / 0.4))


@pytest.mark.parametrize("every", [1, 10, 40, 75, 200])
@pytest.mark.parametrize(
    "schedule", [RampSchedule(), CosineSchedule(1.0, 0.0), MultistepSchedule(1.0, (0.5, 0.9), 0.1)]
)
def test_straight_lines_between_all_values_are_the_curve_of_the_schedule(schedule, every):
    schedules = {"schedule/c": schedule}
    lines = log_of(400, every, schedules)
    shown = {line["step"]: line["schedule/c"] for line in with_bends(lines, schedules, 400)}
    steps = range(min(shown), max(shown) + 1)
    exact = np.array([schedule((step - 1) / 400) for step in steps])
    drawn = np.interp(steps, list(shown), list(shown.values()))
    assert np.abs(drawn - exact).max() <= np.abs(exact).max() / 400
    assert len(shown) <= len(lines) + 32, "a schedule gets few points"


def test_a_term_that_a_phase_computes_from_its_own_progress_bends_where_the_phase_has_it():
    schedule, start, steps = RampSchedule(), 100, 400

    def of_phase(step):
        return schedule(max(0.0, (step - 1 - start) / steps) / (1 - start / steps))

    lines = [{"step": step, "encoder/c": float(np.float32(of_phase(step)))} for step in range(140, 401, 40)]
    for starts, known in (({"encoder": start}, True), ({"encoder": 90}, False), ({}, False), ({"vae": start}, False)):
        curve = {line["step"]: line["encoder/c"] for line in with_bends(lines, {"encoder/c": schedule}, steps, starts)}
        drawn = np.interp(range(140, 401), list(curve), list(curve.values()))
        apart = np.abs(drawn - [of_phase(step) for step in range(140, 401)]).max()
        assert bool(apart < 0.003) is known and (len(curve) > len(lines)) is known


def test_a_straight_line_and_a_log_of_every_step_get_no_points():
    straight = {"schedule/c": LinearSchedule(0.0, 1.0)}
    lines = log_of(400, 40, straight)
    assert with_bends(lines, straight, 400) == lines
    for schedule in (RampSchedule(), CosineSchedule(1.0, 0.0)):
        lines = log_of(400, 1, {"schedule/c": schedule})
        assert with_bends(lines, {"schedule/c": schedule}, 400) == lines


def test_a_schedule_that_needs_too_many_points_or_is_of_a_run_of_another_length_is_drawn_as_it_was_logged():
    for lasts, added in ((10, True), (1, False)):  # steps between two jumps
        waves = {"lr/encoder": WaveSchedule(lasts)}
        lines = log_of(150, 75, waves)
        assert (with_bends(lines, waves, 150) != lines) is added
    jump = {"lr/encoder": MultistepSchedule(1.0, (0.75,), 0.5)}
    lines = log_of(150, 30, jump)
    assert len(with_bends(lines, jump, 150)) > len(lines)
    assert with_bends(lines, jump, 300) == with_bends(lines, {"lr/decoder": jump["lr/encoder"]}, 150) == lines
    assert with_bends([], jump, 150) == []


@dataclass(frozen=True)
class WaveSchedule(Schedule):
    """One and two in turn, in a run of 150 steps."""

    lasts: int

    def __call__(self, t):
        """Return the value at t."""
        return 1.0 + round(t * 150) // self.lasts % 2


def test_what_changes_much_has_a_logarithmic_axis_on_pages_as_in_pictures_unless_a_recipe_sets_it():
    much, little, gaps = [(1, 1.0), (2, 51.0)], [(1, 1.0), (2, 49.0)], [(1, math.nan), (2, 1.0), (3, 51.0)]
    cases = [(much, False, True), (little, False, False), (gaps, False, True), (much, True, False),
             ([(1, 0.0), (2, 51.0)], False, False), ([(1, math.nan)], False, False)]  # fmt: skip
    for curve, exact, logarithmic in cases:
        panel = Panel("rec", {"": curve}, exact=exact)
        ((chart,),) = [group.charts for group in chart_groups([Section("terms", [panel])], {})]
        axes = [layer["encoding"]["y"] for layer in chart.spec["layer"] if "y" in layer["encoding"]]
        scales = {axis["scale"].get("type") for axis in axes if "scale" in axis}
        assert (scales == {"log"}) is panel.is_logarithmic is logarithmic


def test_numbers_of_a_curve_are_those_of_its_ends_also_where_they_are_not_finite():
    nan = math.nan
    assert numbers_of([(1, 3.0), (2, 1.0), (3, 2.0)]) == ("3", "2", "1", "3")
    assert numbers_of([(1, nan), (2, 1.0), (3, 2.0), (4, nan)]) == ("not finite", "not finite", "1", "2")
    assert numbers_of([(1, nan)]) == numbers_of([]) == ("not finite",) * 4


@dataclass(frozen=True)
class Told:
    """A loss that says what one of its terms means, and has a key that is a schedule."""

    ramp: Annotated[Schedule, Doc("How much.")] = ConstantSchedule(1.0)
    number: Annotated[float, Doc("No schedule.")] = 1.0
    about_terms: ClassVar[dict[str, str]] = {"apart": "How far.", "kl": "own"}

    def phases(self):
        """Return no phases."""
        return ()


def test_a_chart_has_the_meaning_of_its_term_or_schedule_where_the_loss_says_it():
    assert meanings_of(Told()) == {"ramp": "How much.", "apart": "How far.", "kl": "own"} and meanings_of(None) == {}
    curve = {"": [(1, 1.0), (2, 2.0)]}
    sections = [
        Section("terms", [Panel("apart", curve), Panel("number", curve), Panel("kl, encoder", curve)]),
        Section("schedules", [Panel("ramp", curve), Panel("learning rate", curve)]),
    ]
    groups = chart_groups(sections, {}, meanings_of(Told()))
    assert [list(group.about) for group in groups] == [[ABOUT_KL, "apart: How far."], ["ramp: How much."]]
    assert [list(group.about) for group in chart_groups(sections, {})] == [[ABOUT_KL], []]
