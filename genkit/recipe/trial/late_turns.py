"""Phases and actions that never run, because the run ends before they are due: a warm-up may be longer than the run.

An action that needs the samples of several steps may also begin within the run, and not have had all at its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from genkit.core.loss import Action, Loss, Phase
from genkit.recipe.binding.bind_recipe import BoundRecipe
from genkit.recipe.installed.registry import FAILURES
from genkit.recipe.trial.try_loss import actions_of

Turn = Phase | Action


def remarks_on_late_turns(bound: BoundRecipe, turns: Sequence[Turn]) -> Iterator[str]:
    """Yield the phases and actions that would run in a longer run only, together those that are due in the same step.

    Then yield the actions that begin, and that would have all their samples in a longer run only. A remark names the
    keys of the loss that decide when they begin: those that move it when they are one less. It also names the phases
    that do run, since a method without its later phases is another method, often a plain VAE.
    """
    steps = _steps(bound)
    if steps is None:
        return
    late: dict[int, list[Turn]] = {}
    for turn in turns:
        first = first_step(turn)
        if first is not None and first >= steps:
            late.setdefault(first, []).append(turn)
    for first, together in late.items():
        remedies = [f"Use more than {first} steps in [train]"]
        remedies += [_smaller(bound.loss, key, together, steps) for key in _deciding_keys(bound.loss, together)]
        never = "never runs: it begins" if len(together) == 1 else "never run: they begin"
        length = f"{steps} step{'s' * (steps != 1)}"
        yield (
            f"{_names(together)} {never} after step {first}, and the run has {length}."
            f"{_what_runs(turns, steps)} {', or '.join(remedies)}."
        )
    for turn in turns:
        if isinstance(turn, Action) and turn.samples is not None and turn.start < steps < (turn.stop or 0):
            yield _unfinished(bound, turn, steps)


def _what_runs(turns: Sequence[Turn], steps: int) -> str:
    """Return which phases the run trains; empty if there are none."""
    running = [
        turn for turn in turns if isinstance(turn, Phase) and (first := first_step(turn)) is not None and first < steps
    ]
    return f" The run trains {_names(running)} only." if running else ""


def _smaller(loss: Loss, key: str, turns: Sequence[Turn], steps: int) -> str:
    """Return below which value of a key all of some turns begin within the run, by bisection."""

    def begin(value: int) -> bool:
        firsts = _first_steps(_changed(loss, key, value), turns)
        return firsts is not None and all(first is not None and first < steps for first in firsts)

    now = getattr(loss, key)
    small, large = next((value for value in (0, 1) if value < now and begin(value)), None), now
    if small is None:
        return f"a smaller [loss] {key} = {now}"
    while large - small > 1:
        middle = (small + large) // 2
        small, large = (middle, large) if begin(middle) else (small, middle)
    return f"set [loss] {key} below {large} (now {now})"


def _unfinished(bound: BoundRecipe, action: Action, steps: int) -> str:
    """Return the remark on an action that begins within the run and needs more samples than the rest of it has."""
    needed, rest = (action.stop or 0) - action.start, steps - action.start
    keys = _deciding_keys(bound.loss, [action]) if needed <= steps else []  # an earlier start is enough then
    settings = " or ".join(f"[loss] {key} = {getattr(bound.loss, key)}" for key in keys)
    earlier = f", or a smaller {settings}" if keys else ""
    return (
        f'action "{action.name}" does not end: it needs the samples of {needed} steps after step {action.start}, '
        f"and the run has only {rest} of them. Use at least {action.stop} steps or a larger batch_size in "
        f"[train]{earlier}."
    )


def first_step(turn: Turn) -> int | None:
    """Return the first step, counted from 0, in which a turn is due, in a run of any length; None if it never is."""
    first = -(-(turn.start + 1) // turn.every) * turn.every - 1
    return first if turn.stop is None or first < turn.stop else None


def _steps(bound: BoundRecipe) -> int | None:
    """Return the length of the run; None if it is not known, because the data are missing or never end."""
    train = bound.recipe.train if bound.recipe is not None else None
    if train is None or train.steps is not None or train.epochs is None:
        return None if train is None else train.steps
    size = None if bound.data.unmet() else bound.data.size
    return None if size is None or size < train.batch_size else train.epochs * (size // train.batch_size)


def _deciding_keys(loss: Loss, turns: Sequence[Turn]) -> list[str]:
    """Return the whole-number keys of a loss on which the first step of some of these turns depends."""
    if not is_dataclass(loss):
        return []
    whole = [item.name for item in fields(loss) if item.init and type(getattr(loss, item.name)) is int]
    now = _first_steps(loss, turns)
    return [
        name for name in whole if _first_steps(_changed(loss, name, getattr(loss, name) - 1), turns) not in (None, now)
    ]


def _changed(loss: Any, name: str, value: int) -> Loss | None:
    try:
        changed: Loss = replace(loss, **{name: value})
        return changed
    except FAILURES:  # the part refuses the value
        return None


def _first_steps(loss: Loss | None, turns: Sequence[Turn]) -> list[int | None] | None:
    """Return the first step of turns with these names in a loss; None if it refuses its keys."""
    try:
        found = {turn.name: first_step(turn) for turn in (*loss.phases(), *actions_of(loss))} if loss else None
    except FAILURES:
        return None
    return None if found is None else [found.get(turn.name) for turn in turns]


def _names(turns: Sequence[Turn]) -> str:
    return " and ".join(f'{_kind(turn)} "{turn.name}"' for turn in turns)


def _kind(turn: Turn) -> str:
    return "phase" if isinstance(turn, Phase) else "action"
