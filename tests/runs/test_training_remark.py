"""Remarks of a loss on a training: when they are made, what they say, and that a run makes one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from support.kill_and_resume import Killed, KillingCallback, new_run
from support.messages import assert_names
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_recipe

import genkit
from genkit.api import VAE, Remark
from genkit.cli.show.show_run import print_finished_run
from genkit.console.output import Console
from genkit.engine.distributed import World
from genkit.errors import GenkitWarning, RecipeError
from genkit.hooks import Entry, hookimpl
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import Checkpoint, Report, Train, Use
from genkit.runs.training import training_remark
from genkit.runs.training.progress_on_console import ProgressOnConsole
from genkit.runs.training.train import train_in_folder
from genkit.runs.training.training_remark import TrainingRemark, remark_on

ASKED: list[Mapping[str, float]] = []


@dataclass(frozen=True)
class Remarking(VAE):
    """VAE with a remark if the mean of its error is above a limit."""

    limit: float = 2.0
    mistake: str = ""

    def remark(self, terms: Mapping[str, float]) -> Remark | None:
        ASKED.append(dict(terms))
        if self.mistake == "text":
            return "a text"  # type: ignore[return-value]
        if self.mistake == "always fails" or (self.mistake == "fails" and terms):
            raise KeyError("codes")
        mean = terms.get("vae/rec")
        return None if mean is None or mean <= self.limit else Remark(f"rec is {mean:g}", ("limit", "beta_rec"))


class Plugin:
    genkit_hooks = 1

    @hookimpl
    def genkit_losses(self):
        yield Entry("remarking", f"{__name__}:Remarking", "", "")


REGISTRY = registry_with(Plugin())


def recipe_of(**keys: Any):
    return tiny_recipe(
        loss=Use("remarking", **keys),
        train=Train(steps=12, batch_size=8),
        report=Report(log_every=1),
        checkpoint=Checkpoint(every=2),
    )


def plan_of(**keys: Any) -> Plan:
    return make_plan(recipe_of(**keys), registry=REGISTRY)


def line(step: int, **terms: float) -> dict[str, float]:
    return {"step": step, "t": 0.0, "lr/encoder": 0.1, **{f"vae/{name}": value for name, value in terms.items()}}


def test_the_terms_are_averaged_over_at_least_1000_steps_and_10_lines():
    ASKED.clear()
    watch = TrainingRemark(plan_of(limit=1e9))
    lines = [line(step, rec=float(step)) for step in range(100, 2600, 100)]
    ASKED.clear()
    for each in lines:
        watch.add(each)
    # The first window is complete at step 1,100; each is the mean of the line's step and the ten lines before it.
    assert [terms["vae/rec"] for terms in ASKED] == [pytest.approx(step - 500) for step in range(1100, 2600, 100)]
    ASKED.clear()
    watch = TrainingRemark(plan_of(limit=1e9))
    ASKED.clear()
    for each in [line(step, rec=float(step)) for step in range(500, 7000, 500)]:  # few lines: ten of them
        watch.add(each)
    assert [terms["vae/rec"] for terms in ASKED] == [pytest.approx(step - 2250) for step in range(5000, 7000, 500)]


def test_the_loss_is_asked_once_in_a_tenth_of_many_lines():
    watch = TrainingRemark(plan_of(limit=1e9))
    ASKED.clear()
    for step in range(1, 1500):
        watch.add(line(step, rec=float(step)))
    # The first window is complete at step 1,001, and each spans 1,000 steps.
    assert [terms["vae/rec"] for terms in ASKED] == [pytest.approx(step - 500) for step in range(1001, 1500, 100)]


@pytest.mark.parametrize("steps", [1001, 1051, 1200, 1999, 2000, 2001, 5050])
def test_the_loss_is_asked_at_every_line_of_the_default_log(steps):
    watch, every = TrainingRemark(plan_of(limit=1e9)), Report().steps_between_lines(steps)
    ASKED.clear()
    logged = sorted({1, *range(every, steps + 1, every), steps})  # more than are logged
    for step in logged:
        watch.add(line(step, rec=float(step)))
    assert len(ASKED) == sum(step >= 1000 + logged[0] for step in logged)


def test_a_term_that_some_lines_lack_and_what_is_no_term_is_left_out():
    watch = TrainingRemark(plan_of())
    ASKED.clear()
    for step in range(100, 1300, 100):
        watch.add(line(step, **({"rec": 5.0} if step > 150 else {}), kl=1.0))
    assert [set(terms) for terms in ASKED] == [{"vae/kl"}, {"vae/kl", "vae/rec"}]


def test_a_run_has_one_remark_with_the_steps_and_the_place_of_each_key():
    lines = [line(step, rec=1.0 + (step > 2000)) for step in range(100, 5000, 100)]
    plan = plan_of(limit=1.5)
    watch = TrainingRemark(plan)
    found = [(each["step"], text) for each in lines if (text := watch.add(each)) is not None]
    # Six of eleven lines are then above the limit.
    assert [step for step, _ in found] == [2600]
    assert_names(found[0][1], "steps 1600 to 2600", "rec is 1.54", "[loss] limit", "[loss] beta_rec", "default of")
    assert remark_on(plan, lines) == found[0][1]
    assert remark_on(plan, lines[:20]) is None
    assert remark_on(make_plan(tiny_recipe(), registry=REGISTRY), lines) is None


def test_a_mistake_in_a_remark_does_not_end_a_run_and_is_reported_once():
    lines = [line(step, rec=1.0) for step in range(100, 3000, 100)]
    watch = TrainingRemark(plan_of(mistake="fails"))
    (text,) = [found for each in lines if (found := watch.add(each)) is not None]
    assert_names(text, "Remarking", "KeyError: 'codes'", "line")


@pytest.mark.parametrize("mistake", ["text", "always fails"])
def test_a_remark_on_no_terms_is_tried_by_the_plan(mistake):
    with pytest.raises(RecipeError) as caught:
        plan_of(mistake=mistake)
    (problem,) = caught.value.problems
    assert problem.place.path == ("loss",)
    assert_names(problem.text, "Remarking")


class Listening(KillingCallback):
    """Remembers remarks, and the lines that were logged before."""

    def __init__(self, kill_at: int | None = None):
        super().__init__(kill_at)
        self.remarks: list[tuple[int, str]] = []

    def remarked(self, step: int, text: str) -> None:
        self.remarks.append((step, text))


@pytest.fixture
def of_few_steps(monkeypatch):
    """Average over four steps and three lines, and let runs find the loss of this module."""
    monkeypatch.setattr(training_remark, "STEPS", 4)
    monkeypatch.setattr(training_remark, "LINES", 3)
    monkeypatch.setattr("support.kill_and_resume.registry_with", lambda: REGISTRY)


def train(folder, *callbacks):
    return train_in_folder(make_plan(folder.resolved, registry=REGISTRY), folder, World(), *callbacks)


@pytest.mark.trains
def test_a_resumed_run_repeats_no_remark_and_makes_one_that_is_due(tmp_path, of_few_steps, capsys):
    folder = new_run(tmp_path, recipe_of(limit=0.0))
    first, second = Listening(kill_at=8), Listening()
    with pytest.raises(Killed):
        train(folder, first)
    train(folder, second)
    assert [step for step, _ in first.remarks] == [5] and second.remarks == []

    early, late = Listening(kill_at=4), Listening()
    other = new_run(tmp_path / "other", recipe_of(limit=0.0))
    with pytest.raises(Killed):
        train(other, early)
    train(other, late, ProgressOnConsole(Console()))
    (made,), (resumed,) = ([text.partition(" (")[0] for _, text in each.remarks] for each in (first, late))
    assert early.remarks == [] and resumed == made
    assert f"remark: {late.remarks[0][1]}" in capsys.readouterr().out

    # Its end repeats it, for those who come back to a finished run.
    plan = make_plan(other.resolved, registry=REGISTRY)
    print_finished_run(other, plan, [], Console(quiet=True), as_json=False)
    assert f"remark    {late.remarks[0][1]}" in capsys.readouterr().out
    print_finished_run(other, plan, [], Console(), as_json=True)
    assert json.loads(capsys.readouterr().out)["remark"] == late.remarks[0][1]


@pytest.mark.trains
def test_a_healthy_run_has_no_remark(tmp_path, of_few_steps, capsys, never_collapsed):
    folder = new_run(tmp_path, recipe_of(limit=1e9))
    listening = Listening()
    train(folder, listening, ProgressOnConsole(Console()))
    assert listening.remarks == []
    print_finished_run(folder, make_plan(folder.resolved, registry=REGISTRY), [], Console(), as_json=False)
    assert "remark" not in capsys.readouterr().out


@pytest.mark.trains
def test_genkit_train_warns_of_a_remark(tmp_path, of_few_steps):
    with pytest.warns(GenkitWarning, match="rec is"):
        genkit.train(plan_of(limit=0.0), tmp_path)
