"""Schedules that are logged: those that depend on the progress of the run and on nothing else."""

from dataclasses import dataclass

import pytest
from support.tiny_parts import Coupled, registry_with
from support.tiny_recipes import tiny_recipe

from genkit.api import ConstantSchedule, PhaseLoss, Schedule
from genkit.hooks import Entry, hookimpl
from genkit.parts.schedules.linear import LinearSchedule
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Use
from genkit.recipe.trial.schedule_probe import schedule_keys


@dataclass(frozen=True)
class Scheduled(Coupled):
    """A loss that calls its schedules in every possible way."""

    weight: Schedule = ConstantSchedule(1.0)
    of_run: Schedule = LinearSchedule()
    of_phase: Schedule = LinearSchedule()
    of_both: Schedule = LinearSchedule()
    steady: Schedule = ConstantSchedule(2.0)
    never: Schedule = LinearSchedule()
    absent: Schedule | None = None

    def encode(self, model, batch):
        total, terms = super().encode(model, batch)
        asked = self.of_run(batch.t) + self.of_phase(batch.phase_t) + self.of_both(batch.t)
        asked += self.of_both(batch.phase_t) + self.steady(batch.t)
        return PhaseLoss(total + 0 * asked, terms)


class Plugin:
    genkit_hooks = 1

    @hookimpl
    def genkit_losses(self):
        yield Entry("scheduled", f"{__name__}:Scheduled", "", "")


@pytest.fixture
def plan():
    return make_plan(tiny_recipe(loss=Use("scheduled", warmup_steps=3)), registry=registry_with(Plugin()))


def test_a_schedule_is_logged_if_it_changes_and_is_called_with_the_progress_of_the_run_only(plan):
    assert plan.dry_run.schedules == {"of_run": LinearSchedule()}


def test_the_keys_that_take_a_schedule_are_found_by_their_types(plan):
    assert schedule_keys(plan.loss) == {"weight", "of_run", "of_phase", "of_both", "steady", "never", "absent"}
    assert schedule_keys(object()) == set()


def test_the_loss_that_trains_has_the_schedules_of_the_recipe(plan):
    assert plan.loss == Scheduled(warmup_steps=3)
    assert all(phase.loss.__self__ is plan.loss for phase in plan.phases)
