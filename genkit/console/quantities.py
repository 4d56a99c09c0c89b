"""Numbers with a unit, as a person reads them."""

from __future__ import annotations


def quantity(value: float, unit: str) -> str:
    """Return a number with its unit and an SI prefix: ``1.2 GFLOP``."""
    for prefix in ("", "k", "M", "G", "T"):
        if value < 1000:
            return f"{value:.3g} {prefix}{unit}"
        value /= 1000
    return f"{value:.3g} P{unit}"
