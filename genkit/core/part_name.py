"""Name of a part with its settings, for the protocol of a number."""

from __future__ import annotations

import re
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any


def part_name(part: Any, *, brief: bool = False) -> str:
    """Return the name of the class of a part in kebab-case, and its fields: ``log-likelihood (draws 100)``.

    `brief` leaves out fields that have their default. Of a path only the name is kept, since data may move.
    """
    if isinstance(part, Path):
        return part.name
    if isinstance(part, (tuple, list)):
        return f"[{', '.join(part_name(each) for each in part)}]"
    if not is_dataclass(part) or isinstance(part, type):
        return f"{part:g}" if isinstance(part, float) else str(part)
    name = bare_name(part)
    values = {item.name: getattr(part, item.name) for item in fields(part) if not brief or _is_set(item, part)}
    settings = ", ".join(f"{key} {part_name(value)}" for key, value in values.items() if value is not None)
    return f"{name} ({settings})" if settings else name


def bare_name(part: Any) -> str:
    """Return the name of the class of a part in kebab-case, without its fields: ``log-likelihood``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", type(part).__name__).lower()


def _is_set(item: Field[Any], part: Any) -> bool:
    default = item.default if item.default_factory is MISSING else item.default_factory()
    return item.init and item.repr and getattr(part, item.name) != default
