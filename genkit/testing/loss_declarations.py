"""Laws of what a loss says of itself: its phases, actions and targets, and the children that they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genkit.core.loss import Loss, LossWithTermTexts
from genkit.core.model import Model
from genkit.recipe.binding.bind_model import PRIOR
from genkit.recipe.binding.part_interface import check_interface
from genkit.recipe.checks import children_of
from genkit.recipe.trial.try_loss import (
    checked_targets,
    try_actions,
    try_phases,
    try_remark,
    try_samples,
    try_targets,
    unknown_child,
)
from genkit.testing.law import Law


def laws_without_a_model(loss: Loss) -> list[Law]:
    """Return the laws that a loss can be held to without a model that has its children."""
    return [
        Law(
            "phases",
            lambda: _check_declarations(loss),
            "genkit.api.Loss documents what phases, actions, targets, remark and about_terms return",
            basic=True,
        )
    ]


def law_of_children(loss: Loss, model: Model, rows: int) -> Law:
    """Return the law that a model has the children that a loss names; `rows` is the size of a batch."""
    return Law(
        "children",
        lambda: _check_children(loss, model, rows),
        "Let phases, actions and targets name children of the model",
        basic=True,
    )


def _check_declarations(loss: Loss) -> None:
    """Check what a loss says of itself. Raises `PartMistake` or `AssertionError`."""
    check_interface("losses", loss)
    try_actions(loss, try_phases(loss))
    checked_targets(loss)
    try_remark(loss)
    texts: Any = loss.about_terms if isinstance(loss, LossWithTermTexts) else {}
    assert isinstance(texts, Mapping) and all(isinstance(text, str) for pair in texts.items() for text in pair), (
        f"about_terms is {texts!r}, expected texts by the names of terms"
    )


def _check_children(loss: Loss, model: Model, rows: int) -> None:
    """Check the children that a loss names. Raises `PartMistake` or `AssertionError`."""
    phases = try_phases(loss)
    actions = try_actions(loss, phases)
    try_samples(actions, model, rows)
    try_targets(loss, model)
    has = children_of(model)
    named = [(f'phase "{phase.name}" updates', phase.updates) for phase in phases]
    named += [(f'action "{action.name}" resets', action.resets) for action in actions]
    for does, children in named:
        missing = sorted({*children} - has - {PRIOR})
        assert not missing, f"{does} {unknown_child(missing[0], has)}"
