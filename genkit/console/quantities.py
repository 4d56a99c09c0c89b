"""Numbers with SI prefixes and units."""

from __future__ import annotations


def quantity(value: float, unit: str) -> str:
    """Return a number with three digits, SI prefix and unit: ``1.2 GFLOP``."""
    for prefix in ("", "k", "M", "G", "T"):
        if value < 1000:
            return f"{value:.3g} {prefix}{unit}"
        value /= 1000
    return f"{value:.3g} P{unit}"
