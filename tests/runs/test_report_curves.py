"""Curves of the page of a run: where phases start, where schedules jump, and what terms mean."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import pytest

from genkit.api import ConstantSchedule, Doc, Phase, Schedule
from genkit.draw.panels import Panel, Section
from genkit.parts.schedules.cosine import CosineSchedule
from genkit.parts.schedules.multistep import MultistepSchedule
from genkit.runs.report.report_about import ABOUT_KL, meanings_of
from genkit.runs.report.report_charts import chart_groups
from genkit.runs.report.report_phases import phase_starts
from genkit.runs.report.report_schedules import with_jumps

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
    shown = with_jumps(lines, schedules, 150)
    assert [line for line in shown if line in lines] == lines
    assert [line["step"] for line in shown] == sorted({line["step"] for line in shown})
    curve = {line["step"]: line["lr/encoder"] for line in shown}
    assert curve.items() <= whole.items()
    ramps = [(a, b) for a, b in zip(list(curve), list(curve)[1:]) if curve[a] != curve[b] and b - a > 1]
    assert ramps == []
    assert all(set(line) == {"step", "lr/encoder"} for line in shown if line not in lines)


def test_a_ramp_gets_no_further_points_and_neither_does_a_run_of_another_length():
    ramp, jump = {"lr/encoder": CosineSchedule(1.0, 0.0)}, {"lr/encoder": MultistepSchedule(1.0, (0.75,), 0.5)}
    for every in (1, 2, 3, 10, 50):
        lines = log_of(150, every, ramp)
        assert with_jumps(lines, ramp, 150) == lines
    lines = log_of(150, 30, jump)
    assert len(with_jumps(lines, jump, 150)) > len(lines)
    assert with_jumps(lines, jump, 300) == with_jumps(lines, {"lr/decoder": jump["lr/encoder"]}, 150) == lines
    assert with_jumps([], jump, 150) == []


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
