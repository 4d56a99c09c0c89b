"""Trial of a loss before a run: its phases, actions, targets and remarks are asked for once and checked.

Every function raises `PartMistake` with the class, its file and line. Other exceptions are bugs of the part.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from genkit.core.loss import Action, Loss, LossWithActions, LossWithRemark, LossWithTargets, Phase, Remark
from genkit.core.model import Model
from genkit.errors import PartMistake
from genkit.near_miss import closest
from genkit.part_code import code_of


def try_phases(loss: Loss) -> tuple[Phase, ...]:
    """Return the phases of a loss, after a check of their fields."""
    phases: Any = loss.phases()
    if not isinstance(phases, (tuple, list)) or not phases or not all(isinstance(phase, Phase) for phase in phases):
        found = "nothing" if phases in (None, (), []) else f"a {type(phases).__name__}"
        raise PartMistake(f"{code_of(loss)}: phases returned {found}. Return a tuple of Phase")
    for phase in phases:
        if mistake := _mistake_in_phase(phase):
            raise PartMistake(f'{code_of(loss)}: phase "{phase.name}": {mistake}')
    names = [phase.name for phase in phases]
    if twice := {name for name in names if names.count(name) > 1}:
        raise PartMistake(f'{code_of(loss)}: two phases have the name "{min(twice)}". Give each its own')
    return tuple(phases)


def _mistake_in_phase(phase: Phase) -> str:
    """Return what is wrong with the fields of a phase; empty if nothing is."""
    if isinstance(phase.updates, str) or not phase.updates:
        return f'updates is {phase.updates!r}. Give a tuple of names, such as ("encoder",)'
    if not callable(phase.loss):
        return f"loss is a {type(phase.loss).__name__}. Give a function of model and batch"
    return f"every is {phase.every}. Give a positive integer" if phase.every < 1 else ""


def actions_of(loss: Loss) -> Any:
    """Return what a loss gives as its actions; none for most losses."""
    return loss.actions() if isinstance(loss, LossWithActions) else ()


def try_actions(loss: Loss, phases: tuple[Phase, ...]) -> tuple[Action, ...]:
    """Return the actions of a loss, after a check of their fields."""
    actions: Any = actions_of(loss)
    if not isinstance(actions, (tuple, list)) or not all(isinstance(action, Action) for action in actions):
        found = "nothing" if actions is None else f"a {type(actions).__name__}"
        raise PartMistake(f"{code_of(loss)}: actions returned {found}. Return a tuple of Action, () for none")
    names = [turn.name for turn in (*phases, *actions)]
    for action in actions:
        if mistake := _mistake_in_action(action, phases, names):
            raise PartMistake(f'{code_of(loss)}: action "{action.name}": {mistake}')
    return tuple(actions)


def _mistake_in_action(action: Action, phases: tuple[Phase, ...], names: list[str]) -> str:
    """Return what is wrong with the fields of an action; empty if nothing is."""
    if not callable(action.do):
        return f"do is a {type(action.do).__name__}. Give a function of model and batch"
    if action.every < 1:
        return f"every is {action.every}. Give a positive integer"
    if action.samples is not None and (action.stop is not None or action.every != 1):
        return "samples decides the steps. Remove stop and every, or samples"
    if isinstance(action.resets, str):
        return f'resets is {action.resets!r}. Give a tuple of names, such as ("decoder",)'
    if action.before is not None and action.before not in (known := [phase.name for phase in phases]):
        return f'before is "{action.before}". Give the name of a phase: {", ".join(known)}'
    return "the name of another action or phase. Give each its own" if names.count(action.name) > 1 else ""


def try_samples(actions: tuple[Action, ...], model: Model, batch_size: int) -> tuple[Action, ...]:
    """Return the actions with the steps that their samples take, after a check of these numbers."""
    for action in actions:
        needed: Any = 1 if action.samples is None else action.samples(model)
        if not isinstance(needed, int) or needed < 1:
            raise PartMistake(
                f'{code_of(action.samples)}: samples of the action "{action.name}" returned {needed!r}. Return a '
                "positive integer"
            )
    return tuple(action.for_batches(model, batch_size) for action in actions)


def targets_of(loss: Loss) -> Any:
    """Return the children whose targets a loss reads; none for most losses."""
    return loss.targets() if isinstance(loss, LossWithTargets) else ()


def unknown_child(name: str, children: Iterable[str]) -> str:
    """Return a name that no child of a model has, with its children and the name that may be meant: an object."""
    meant = closest(name, {*children, "prior"})  # a prior that is not learnt is no child, but may be named
    hint = f" Did you mean {' or '.join(meant)}?" if meant else ""
    *first, last = sorted(children) or ["none"]
    has = f"{', '.join(first)} and {last}" if first else last
    return f'"{name}", which is no child of the model; it has {has}.{hint}'


def checked_targets(loss: Loss) -> tuple[str, ...]:
    """Return the children whose targets a loss reads, after a check that they are a tuple of names."""
    targets: Any = targets_of(loss)
    if not isinstance(targets, (tuple, list)) or not all(isinstance(name, str) for name in targets):
        raise PartMistake(
            f'{code_of(loss)}: targets returned {targets!r}. Return a tuple of names, such as ("decoder",)'
        )
    return tuple(dict.fromkeys(targets))


def try_targets(loss: Loss, model: Model) -> tuple[str, ...]:
    """Return the children whose targets a loss reads, after a check that the model has them."""
    targets, children = checked_targets(loss), [name for name, _ in model.named_children()]
    for name in targets:
        if name not in children:
            raise PartMistake(f"{code_of(loss)}: targets has {unknown_child(name, children)}")
    return targets


def try_remark(loss: Loss) -> bool:
    """Ask a loss that makes remarks for one on no terms, as at the first line of a log. Return True."""
    if isinstance(loss, LossWithRemark):
        remark: Any = loss.remark({})
        if remark is not None and not isinstance(remark, Remark):
            raise PartMistake(f"{code_of(loss)}: remark returned a {type(remark).__name__}. Return a Remark, or None")
    return True
