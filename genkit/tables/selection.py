"""Which experiments a pattern names."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from genkit.errors import UsageError
from genkit.tables.experiment import Experiment
from genkit.tables.spec import TableSpec


def selected(experiments: Sequence[Experiment], patterns: Sequence[str]) -> list[Experiment]:
    """Return those that any pattern ``ROW/COLUMN/SEED`` names; what it leaves out at its end may be any.

    Raises `UsageError` for a pattern that names none.
    """
    chosen: dict[str, Experiment] = {}
    for pattern in patterns:
        found = [
            each for each in experiments if fnmatchcase(str(each), pattern) or fnmatchcase(str(each), f"{pattern}/*")
        ]
        if not found:
            known = ", ".join(map(str, experiments[:4])) + (", ..." if len(experiments) > 4 else "")
            raise UsageError(f"--only {pattern}: names no run of this table. It has {known}.")
        chosen |= {str(each): each for each in found}
    return [each for each in experiments if str(each) in chosen]


def without_needs(experiments: Sequence[Experiment], table: TableSpec) -> list[Experiment]:
    """Return those that anybody can run: what is trained where no pattern says otherwise."""
    return [each for each in experiments if not table.rows[each.cell.row].needs]
