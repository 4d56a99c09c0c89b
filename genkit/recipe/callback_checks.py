"""Checks of the callbacks of a recipe, and what they lack on this machine. Each callback sees the finished plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from genkit.core.callback import Callback, PlanView
from genkit.errors import PartMistake, UsageError
from genkit.part_code import code_of, describe_bug, is_refusal
from genkit.recipe.checks import Finding
from genkit.recipe.installed.registry import FAILURES, Part
from genkit.recipe.text.document import KeyPath


def check_callbacks(
    plan: PlanView, callbacks: Mapping[str, Callback], parts: Mapping[KeyPath, Part]
) -> Iterator[Finding]:
    """Let each callback check its keys against the recipe."""
    for label, callback in callbacks.items():
        try:
            callback.check(plan)
            _check_unmet(callback)
        except FAILURES as error:  # any exception that a plugin's part raises
            refused = is_refusal(error) or isinstance(error, UsageError)
            text = str(error) if refused else describe_bug(callback, error)
            path = ("callbacks", label)
            yield Finding(path, f"{text.rstrip('.')}.", parts[path].owner)


def unmet_callbacks(callbacks: Mapping[str, Callback]) -> list[str]:
    """Return what the callbacks lack, each with its table."""
    return [f"[callbacks.{label}] {text}" for label, callback in callbacks.items() for text in callback.unmet()]


def _check_unmet(callback: Callback) -> None:
    unmet: Any = callback.unmet()
    if not isinstance(unmet, (tuple, list)) or not all(isinstance(text, str) for text in unmet):
        raise PartMistake(f"{code_of(callback)}: unmet returned {unmet!r}. Return a tuple of messages, () for nothing")
