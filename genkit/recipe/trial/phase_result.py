"""Check of what a loss returns for a phase, in the dry run and in every step."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from genkit.core.loss import Phase, PhaseLoss
from genkit.errors import PartMistake
from genkit.part_code import code_of


def checked_result(phase: Phase, computed: Any) -> PhaseLoss:
    """Return the result of a phase. Raises `PartMistake` unless total and terms are what `PhaseLoss` requires."""
    if mistake := _mistake(computed):  # the place in the code is looked up only now: that takes longer than a check
        raise PartMistake(f'{code_of(phase.loss)}: phase "{phase.name}"{mistake}')
    total, terms = computed
    return PhaseLoss(total, dict(terms))


def _mistake(computed: Any) -> str:
    """Return what is wrong with the result of a phase, as the end of a sentence; empty if nothing is."""
    try:
        total, terms = computed
        terms = dict(terms)
    except (TypeError, ValueError):
        return f" returned a {type(computed).__name__}. Return PhaseLoss(total, terms), with the terms by name"
    if "total" in terms:
        return ': a term has the name "total". Give it another name'
    for name, value in {"total": total, **terms}.items():
        if found := _mistake_in(value, differentiable=name == "total"):
            wanted = "a scalar tensor with a gradient" if name == "total" else "a detached scalar tensor"
            return f', term "{name}": expected {wanted}, found {found}'
    return ""


def _mistake_in(value: Any, *, differentiable: bool) -> str:
    """Return what is wrong with a total, which must be differentiable, or with a term; empty if nothing is."""
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    if value.shape:
        return f"a tensor of the shape {tuple(value.shape)}. Take its mean or sum"
    if value.requires_grad != differentiable:
        return "one without a gradient" if differentiable else "one with a gradient. Add .detach()"
    return ""
