"""Name of a part with all its settings, for the protocol of a number."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from typing import Any


def part_name(part: Any) -> str:
    """Return the name of the class of a part in kebab-case, and its fields: ``log-likelihood (draws 100)``."""
    if not is_dataclass(part) or isinstance(part, type):
        return f"{part:g}" if isinstance(part, float) else str(part)
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(part).__name__).lower()
    values = {item.name: getattr(part, item.name) for item in fields(part)}
    settings = ", ".join(f"{key} {part_name(value)}" for key, value in values.items() if value is not None)
    return f"{name} ({settings})" if settings else name
