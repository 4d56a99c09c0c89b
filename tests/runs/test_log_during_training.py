"""Lines of the log: their progress, schedules and learning rates are those that the step itself used."""

from dataclasses import replace

import pytest
from support.kill_and_resume import new_run
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_recipe

from genkit.engine.distributed import World
from genkit.engine.loop import train_steps
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Report
from genkit.runs.training.live_run import LiveRun
from genkit.runs.training.log_during_training import line_of

pytestmark = pytest.mark.trains


@pytest.mark.parametrize(("steps", "lines"), [(1, 1), (20, 20), (200, 20), (2000, 20), (3000, 30)])
def test_a_run_has_about_twenty_lines_at_least_unless_its_recipe_says_otherwise(steps, lines):
    every = Report().steps_between_lines(steps)
    assert -(-steps // every) == lines
    assert Report(log_every=steps).steps_between_lines(steps) == every


def test_a_recipe_says_otherwise_for_a_run_of_two_intervals_or_more():
    for steps in range(1, 300):
        for log_every in (1, 7, 50, 100):
            every = Report(log_every=log_every).steps_between_lines(steps)
            assert every == (log_every if steps >= 2 * log_every else Report().steps_between_lines(steps))
            assert steps == 1 or sum(step % every == 0 or step == steps for step in range(1, steps + 1)) >= 2


def test_a_line_has_the_values_that_the_step_used(tmp_path):
    folder, used = new_run(tmp_path, tiny_recipe()), {}
    plan = make_plan(folder.resolved, registry=registry_with())

    def recording(phase):
        def loss(model, batch):
            used.update(t=batch.t, weight=plan.loss.weight(batch.t))
            return phase.loss(model, batch)

        return replace(phase, loss=loss)

    run = LiveRun.open(replace(plan, phases=tuple(map(recording, plan.phases))), folder, World())
    lines = []
    for record in train_steps(run.plan, run.state, run.world):
        line = line_of(run, record)
        assert (line["t"], line["schedule/weight"]) == (used["t"], used["weight"])
        for child, optimiser in run.state.optimisers.items():
            if any(child in phase.updates and phase.due(record.step - 1) for phase in plan.phases):
                assert line[f"lr/{child}"] == optimiser.optimiser.param_groups[0]["lr"]
        assert {name: line[name] for name in record.terms} == {name: x.item() for name, x in record.terms.items()}
        lines.append(line)

    assert [line["step"] for line in lines] == list(range(1, 13))
    assert [line["t"] for line in lines] == [step / 12 for step in range(12)]
    assert [line["schedule/weight"] for line in lines] == pytest.approx([0.5 * step / 12 for step in range(12)])
    assert len({line["lr/encoder"] for line in lines}) == 12
