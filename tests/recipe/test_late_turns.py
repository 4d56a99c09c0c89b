"""A phase or an action that a run is too short for is remarked, with the key that decides; one that runs is not."""

import re
from dataclasses import dataclass
from itertools import product

import pytest
from support.messages import assert_names
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_recipe

from genkit.api import Action, Phase, PhaseLoss
from genkit.hooks import Entry, hookimpl
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Train, Use
from genkit.recipe.trial.late_turns import first_step


@dataclass(frozen=True)
class Warms:
    """Reconstructs first, and begins with another phase and an action after half of `wait` rounds of two steps."""

    wait: int = 6
    rest: int = 5

    def __post_init__(self):
        if self.rest < 5:
            raise ValueError("rest: at least 5")

    def phases(self):
        both = ("encoder", "decoder")
        return (
            Phase("begin", both, self.loss, stop=2 * self.wait),
            Phase("later", both, self.loss, start=2 * self.wait),
            Phase("seldom", both, self.loss, every=3),
            Phase("off", both, self.loss, stop=0),
        )

    def actions(self):
        return (Action("swap", lambda model, batch: None, start=2 * self.wait, stop=2 * self.wait + 1),)

    def loss(self, model, batch):
        error = (model.decoder(model.encoder(batch.x).mu) - batch.x).square().mean()
        return PhaseLoss(error, {"rec": error.detach()})


class Plugin:
    genkit_hooks = 1

    @hookimpl
    def genkit_losses(self):
        yield Entry("warms", f"{__name__}:Warms", "", "")
        yield Entry("collects", f"{__name__}:Collects", "", "")


def remarks_of(steps: int, **keys: int) -> list[str]:
    recipe = tiny_recipe(loss=Use("warms", **keys), train=Train(batch_size=8, steps=steps))
    plan = make_plan(recipe, registry=registry_with(Plugin()))
    return [remark for remark in plan.dry_run.remarks if "never run" in remark]


def test_the_first_step_is_the_first_that_is_due():
    for start, every, stop in product(range(5), range(1, 5), (None, *range(8))):
        turn = Phase("x", ("encoder",), lambda model, batch: None, every=every, start=start, stop=stop)
        assert first_step(turn) == next((step for step in range(20) if turn.due(step)), None)


def test_what_a_run_is_too_short_for_is_remarked_with_the_key_that_decides():
    (remark,) = remarks_of(steps=12)
    assert_names(
        remark, 'phase "later"', 'action "swap"', "begin after step 12", "has 12 steps", "[loss] wait below 6 (now 6)"
    )
    assert_names(remark, 'trains phase "begin" and phase "seldom" only')
    assert "rest" not in remark and "off" not in remark
    (seldom,) = [remark for remark in remarks_of(steps=2) if "seldom" in remark]
    assert_names(seldom, "begins after step 2", "more than 2 steps")
    assert "[loss]" not in seldom.removesuffix("[train].")


@pytest.mark.parametrize(("wait", "steps"), [(1000, 150), (40, 7), (500, 1), (500, 2)])
def test_the_limit_of_the_key_is_the_smallest_value_for_which_the_run_is_too_short(wait, steps):
    (remark,) = (each for each in remarks_of(steps, wait=wait) if _is_on_later(each))
    limit = int(re.search(r"wait below (\d+) \(now", remark)[1])
    assert not any(map(_is_on_later, remarks_of(steps, wait=limit - 1)))
    assert any(map(_is_on_later, remarks_of(steps, wait=limit)))


def _is_on_later(remark: str) -> bool:
    return "later" in remark.partition(" never run")[0]


@pytest.mark.parametrize(("steps", "keys"), [(13, {}), (3, {"wait": 1}), (100, {"wait": 49})])
def test_a_run_that_is_long_enough_has_no_remark(steps, keys):
    assert remarks_of(steps, **keys) == []


@dataclass(frozen=True)
class Collects(Warms):
    """Takes `needed` samples from step `wait` on."""

    needed: int = 20

    def phases(self):
        return (Phase("all", ("encoder", "decoder"), self.loss),)

    def actions(self):
        return (Action("codes", lambda model, batch: None, start=self.wait, samples=lambda model: self.needed),)


@pytest.mark.parametrize(
    ("steps", "wait", "needed", "named"),
    [
        (9, 6, 24, None),  # 3 steps of 8 samples, the last of which is the last of the run
        (9, 6, 25, ("after step 6", "4 steps", "only 3 of them", "at least 10 steps", "[loss] wait = 6")),
        (8, 6, 24, ("after step 6", "3 steps", "only 2 of them", "at least 9 steps", "[loss] wait = 6")),
        (9, 1, 80, ("after step 1", "10 steps", "only 8 of them", "at least 11 steps")),
    ],
)
def test_an_action_that_the_end_of_the_run_cuts_short_is_remarked(steps, wait, needed, named):
    loss = Use("collects", wait=wait, needed=needed)
    plan = make_plan(tiny_recipe(loss=loss, train=Train(batch_size=8, steps=steps)), registry=registry_with(Plugin()))
    found = [remark for remark in plan.dry_run.remarks if "codes" in remark]
    assert len(found) == (named is not None)
    if named:
        assert_names(found[0], 'action "codes"', "batch_size", *named)
        assert ("[loss]" in found[0]) == ("[loss] wait = 6" in named)  # 10 steps are too many from any step on


def test_epochs_are_counted_in_steps():
    digits = {"data": Use("digits"), "model": Use("small-conv"), "loss": Use("warms", wait=10_000)}
    recipe = tiny_recipe(**digits, train=Train(batch_size=64, epochs=2))
    plan = make_plan(recipe, registry=registry_with(Plugin()))
    assert any(f"has {plan.steps} steps" in remark for remark in plan.dry_run.remarks)
