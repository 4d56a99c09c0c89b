"""Words for the details of a protocol. The stored details keep their names, by which older numbers are compared."""

from __future__ import annotations

from collections.abc import Mapping

# Names that say too little alone, each with the detail beside which it has this meaning.
NAMES = {"std": ("modes", "std of a mode"), "outside": ("box", "samples outside the box")}
VALUES = {"one cell of its own": "count as one more cell"}


def details_in_words(details: Mapping[str, str | int | float]) -> dict[str, str]:
    """Return each detail as a reader sees it, by name: ``std`` is "std of a mode 0.02" beside ``modes``."""
    return {name: f"{_name(name, details)} {_value(value)}" for name, value in details.items()}


def _name(name: str, details: Mapping[str, object]) -> str:
    beside, words = NAMES.get(name, ("", ""))
    return words if beside in details else name


def _value(value: str | int | float) -> str:
    if isinstance(value, str):
        return VALUES.get(value, value)
    return f"{value:g}" if isinstance(value, float) else f"{value:,}"
