"""Changes of keys, as a user gives them in Python, as the texts of ``--set``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from genkit.errors import UsageError
from genkit.notebook.recipe import plain_value
from genkit.recipe.binding.values import in_toml

OPTION = "set"  # the argument
Changes = str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]


def changes_of(given: Changes) -> list[str]:
    """Return changes as texts ``table.key=value``, values as TOML. Raises `UsageError`.

    They are given as such a text, as a mapping of keys such as "train.steps" to values of Python, or as several of
    them. None removes a key.
    """
    changes: list[str] = []
    for each in [given] if isinstance(given, (str, Mapping)) else given:
        changes += [each] if isinstance(each, str) else [_change(key, value) for key, value in each.items()]
    return changes


def _change(key: object, value: Any) -> str:
    if not isinstance(key, str) or "=" in key:
        raise UsageError(f'{OPTION}: found the key {key!r}, expected one such as "metrics.psnr.samples".')
    plain = plain_value(key, value, OPTION)
    if value is None or (isinstance(plain, float) and not math.isfinite(plain)):  # JSON and TOML write inf differently
        return f"{key}=" if value is None else f"{key}={plain}"
    return f"{key}={in_toml(plain)}"
