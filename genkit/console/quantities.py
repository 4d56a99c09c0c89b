"""Numbers with SI prefixes and units."""

from __future__ import annotations


def quantity(value: float, unit: str) -> str:
    """Return a number with three digits, SI prefix and unit: ``1.2 GFLOP``."""
    for prefix in ("", "k", "M", "G", "T", "P", "E", "Z"):
        if value < 1000:
            return f"{value:.3g} {prefix}{unit}"
        value /= 1000
    return f"{value:,.3g} Y{unit}"


def duration(seconds: float) -> str:
    """Return a duration in its two largest units: ``9.5 s``, ``3 min 20 s``, ``2 h 5 min``, ``4 d 1 h``."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    for large, small, name, other in ((86400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s")):
        if whole >= large:
            return f"{whole // large} {name} {whole % large // small} {other}"
    return f"{whole} s"
