"""The cells of a table: each is a recipe and the keys that its row and its column set in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from genkit.recipe.text.nested import flatten
from genkit.recipe.text.shipped import recipe_of_table
from genkit.tables.spec import ColumnSpec, TableSpec


@dataclass(frozen=True)
class Cell:
    """One cell of a table."""

    row: str
    column: str
    recipe: Path
    overrides: tuple[str, ...]  # as ``--set`` takes them

    def __str__(self) -> str:
        """Return ``ROW/COLUMN``, as ``--only`` takes it."""
        return f"{self.row}/{self.column}"


def cells_of(table: TableSpec, path: Path) -> list[Cell]:
    """Return every cell of a table, row by row. `path` is the table file; its recipes are relative to its folder."""
    return [
        Cell(name, column, _recipe(path.parent, table.columns[column], name), _overrides(table, name, column))
        for name, row in table.rows.items()
        for column in (row.columns or table.columns)
    ]


def covers(ignored: str, key: str) -> bool:
    """Return whether an entry of ``ignore`` is this dotted key, or a table that contains it."""
    return f"{key}.".startswith(f"{ignored}.")


def first_three(names: Sequence[str]) -> str:
    """Return three names and the number of the others: ``a/vae, b/vae, c/vae and 2 more``."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _recipe(folder: Path, column: ColumnSpec, row: str) -> Path:
    return recipe_of_table(folder, str(column.recipe).replace("{row}", row))


def _overrides(table: TableSpec, row: str, column: str) -> tuple[str, ...]:
    """Return the overrides of a cell; keys of the row override those of the column."""
    ignored = (*table.columns[column].ignore, *table.rows[row].ignore.get(column, ()))
    values = dict(flatten(table.columns[column].set))
    values |= {key: value for key, value in flatten(table.rows[row].set) if not any(covers(i, key) for i in ignored)}
    return tuple(f"{key}={_toml(value)}" for key, value in values.items())


def _toml(value: Any) -> str:
    """Return a value as TOML; `flatten` leaves no table but the empty one, as in ``metrics.modes = {}``."""
    return "{}" if isinstance(value, Mapping) else tomli_w.dumps({"value": value}).removeprefix("value = ").strip()
