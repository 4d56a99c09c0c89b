"""Selection of the runs of a table by patterns such as ``C1/vae/0`` or ``*/vae``."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from genkit.errors import UsageError
from genkit.near_miss import closest
from genkit.tables.cells import first_three
from genkit.tables.experiment import Experiment
from genkit.tables.spec import TableSpec


def select_experiments(experiments: Sequence[Experiment], patterns: Sequence[str]) -> list[Experiment]:
    """Return the experiments that match any pattern ``ROW/COLUMN/SEED``, in the order of the table.

    ``*`` matches any text and ``?`` any character. A pattern may end early: ``C1`` matches every run of the row C1.
    Raises `UsageError` for a pattern that matches nothing.
    """
    selected: set[str] = set()
    for pattern in patterns:
        found = {str(each) for each in experiments if _matches(str(each), pattern)}
        if not found:
            raise UsageError(f"--only {pattern}: no run matches. {_hint(pattern, [str(each) for each in experiments])}")
        selected |= found
    return [each for each in experiments if str(each) in selected]


def selected_by_default(experiments: Sequence[Experiment], table: TableSpec) -> list[Experiment]:
    """Return the experiments of all rows without special requirements (``needs``)."""
    return [each for each in experiments if not table.rows[each.cell.row].needs]


def _hint(pattern: str, names: Sequence[str]) -> str:
    """Return the rows, cells or runs that the pattern may mean, and the first runs."""
    levels = pattern.count("/") + 1
    near = closest(pattern, {"/".join(name.split("/")[:levels]) for name in names})
    return f"Did you mean {' or '.join(near)}? " * bool(near) + f"This table has {first_three(names)}."


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}/*")
