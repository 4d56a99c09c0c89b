"""Terms and weights that are not finite: the first one is named, with its phase and step, however late it is read."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from support.messages import assert_names
from support.tiny_recipes import tiny_plan

from genkit.engine import finite_watch
from genkit.engine.distributed import World
from genkit.engine.finite_watch import READ_AFTER, FiniteWatch
from genkit.engine.loop import StepRecord
from genkit.errors import Diverged

WORLD = SimpleNamespace(any=lambda flag: flag)


def state(weight: float = 1.0, step: int = 9) -> SimpleNamespace:
    model = torch.nn.BatchNorm1d(1)
    torch.nn.init.constant_(model.weight, weight)
    return SimpleNamespace(model=model, step=step)


def watching(*values: float, phase: str = "encoder", term: str = "rec") -> FiniteWatch:
    """Return a watch that has observed these values of a term at steps 1, 2, ..., and a total."""
    watch = FiniteWatch()
    for step, value in enumerate(values, start=1):
        terms = {f"{phase}/{term}": torch.tensor(value), f"{phase}/total": torch.tensor(2 * value)}
        watch.observe(StepRecord(step, terms))
    return watch


def error_of(watch: FiniteWatch, weight: float = 1.0) -> str:
    with pytest.raises(Diverged) as caught:
        watch.check(state(weight), WORLD)
    return str(caught.value)


def test_finite_terms_and_weights_are_no_error():
    watching(*[1.0] * (3 * READ_AFTER + 5)).check(state(), WORLD)
    FiniteWatch().check(state(), WORLD)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("step", [1, 5, READ_AFTER, READ_AFTER + 1, 2 * READ_AFTER])
def test_the_first_term_that_is_not_finite_is_named_with_its_phase_and_step(bad, step):
    values = [1.0] * (2 * READ_AFTER + 7)
    values[step - 1 :] = [bad] * len(values[step - 1 :])
    assert_names(error_of(watching(*values)), 'phase "encoder"', 'term "rec"', f"first at step {step}.")


def test_a_term_that_is_finite_again_is_still_an_error():
    values = [1.0] * (3 * READ_AFTER)
    values[2] = math.nan
    watch = watching(*values)
    for _ in range(2):
        assert_names(error_of(watch), "first at step 3.")


def test_a_term_is_named_before_the_total_and_a_phase_before_those_after_it():
    nan, one = torch.tensor(math.nan), torch.tensor(1.0)
    watch = FiniteWatch()
    watch.observe(StepRecord(1, {"encoder/total": nan, "encoder/kl": nan, "decoder/rec": nan, "decoder/total": nan}))
    assert_names(error_of(watch), 'phase "encoder", term "kl"')
    watch = FiniteWatch()
    watch.observe(StepRecord(1, {"encoder/kl": one, "encoder/total": one, "decoder/rec": one, "decoder/total": nan}))
    assert_names(error_of(watch), 'phase "decoder", term "total"')


def test_a_weight_that_is_not_finite_is_named_with_the_step():
    assert_names(error_of(watching(1.0, 1.0), weight=math.nan), "weights weight after step 9")


def test_an_error_of_another_process_is_an_error_here():
    with pytest.raises(Diverged) as caught:
        FiniteWatch().check(state(), SimpleNamespace(any=lambda flag: True))
    assert_names(caught.value, "another process")


def test_data_that_cannot_be_read_again_do_not_hide_the_error(monkeypatch):
    def unreadable(*given):
        raise OSError("gone")

    monkeypatch.setattr(finite_watch, "samples_of_step", unreadable)
    with pytest.raises(Diverged) as caught:
        watching(1.0, 1.0, math.nan).check(state(), WORLD, SimpleNamespace())
    assert_names(caught.value, "first at step 3.", "smaller learning rate")


def diverged_at(step: int, *, first: str = "encoder", plan=None, world=WORLD) -> str:
    """Return the message about the phase "encoder", whose total is NaN at a step; `first` is the step's first phase."""
    watch = FiniteWatch()
    terms = {"encoder/rec": 1.0, "encoder/total": math.nan}
    terms = {f"{first}/total": 1.0, **terms} if first != "encoder" else terms
    watch.observe(StepRecord(step, {name: torch.tensor(value) for name, value in terms.items()}))
    with pytest.raises(Diverged) as caught:
        watch.check(state(step=step), world, plan)
    return str(caught.value)


def test_at_the_first_step_terms_and_samples_are_told_and_not_the_learning_rate():
    message = diverged_at(1, plan=tiny_plan(), world=World())
    assert_names(message, "Not finite in this phase: total; finite: rec.", "samples of that step are finite, from -")
    assert_names(message, "Look at", "[loss] and [model]", "the code of the loss", "`genkit plugins check")
    assert not {word for word in ("clip_norm", "warm-up", "Try a smaller") if word in message}


@pytest.mark.parametrize(("step", "first"), [(1, "decoder"), (2, "encoder"), (9, "encoder")])
def test_after_an_update_the_learning_rate_is_named(step, first):
    message = diverged_at(step, first=first, plan=tiny_plan(), world=World())
    assert_names(message, "Try a smaller learning rate", "clip_norm")
    assert ("`genkit plugins check" in message) is (step <= 2)


def test_a_first_step_of_another_process_is_told_from_a_weight_that_its_gradient_has_reached():
    """The terms of this process are finite; the flags of the other one are: not finite, and untrained."""
    flags = iter((True, True, False))
    with pytest.raises(Diverged) as caught:
        watching(1.0).check(state(weight=math.nan, step=1), SimpleNamespace(any=lambda flag: next(flags)))
    assert_names(caught.value, "another process", "smaller learning rate does not help")


def test_the_precision_is_named_where_it_overflows():
    plan = tiny_plan()
    half = replace(plan, recipe=replace(plan.recipe, train=replace(plan.recipe.train, precision="fp16")))
    assert "fp16" in diverged_at(1, plan=half, world=World()) and "fp16" not in diverged_at(1, plan=plan, world=World())


def test_at_most_64_steps_wait_to_be_read(monkeypatch):
    """Each holds tensors of the device; reading them in every step would wait for the device."""
    read = []
    monkeypatch.setattr(torch, "isfinite", lambda x, finite=torch.isfinite: (read.append(len(x)), finite(x))[1])
    watching(*[1.0] * (2 * READ_AFTER + 5))
    assert read == [2 * READ_AFTER] * 2
