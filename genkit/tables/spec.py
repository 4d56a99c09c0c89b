"""A table as its author writes it: what stands in its rows and columns, and what has been published for its cells."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tomli_w

from genkit.core.field_types import Doc, NonNegativeInt
from genkit.errors import Problem, RecipeError, near_miss
from genkit.recipe.bind import Binder, Invalid
from genkit.recipe.document import Document, KeyPath, read
from genkit.recipe.nested import flatten
from genkit.recipe.registry import load_registry


@dataclass(frozen=True)
class ColumnSpec:
    """``[columns.NAME]``: a method, as a recipe."""

    recipe: Annotated[Path, Doc("relative to the table; {row} in it stands for the name of the row")]
    title: str = ""
    set: Annotated[Mapping[str, Any], Doc("tables of keys that replace the recipe's")] = field(default_factory=dict)
    ignore: Annotated[list[str], Doc('keys that rows set, "table.key", or tables, and this recipe has not')] = field(
        default_factory=list
    )


@dataclass(frozen=True)
class RowSpec:
    """``[rows.NAME]``: hyper-parameters, which every column gets."""

    title: str = ""
    set: Annotated[Mapping[str, Any], Doc("tables of keys that replace each recipe's")] = field(default_factory=dict)
    ignore: Annotated[Mapping[str, list[str]], Doc("by column: keys set here that its recipe has not")] = field(
        default_factory=dict
    )
    columns: Annotated[list[str], Doc("those that have a cell here; all where empty")] = field(default_factory=list)
    needs: Annotated[
        str, Doc("what not everybody has, a GPU or a data set: the row is then run where --only names it, or not")
    ] = ""


@dataclass(frozen=True)
class PublishedNumbers:
    """``[published]``: the numbers of a paper, to stand beside ours."""

    source: str
    cells: Annotated[Mapping[str, dict[str, dict[str, float]]], Doc("row, column, label of a metric")]


@dataclass(frozen=True)
class TableSpec:
    """A whole table."""

    title: str
    metrics: Annotated[
        list[str], Doc("labels of the recipes' metrics, in order; a recipe without one leaves its place empty")
    ]
    rows: Mapping[str, RowSpec]
    columns: Mapping[str, ColumnSpec]
    seeds: Annotated[list[NonNegativeInt], Doc("of training")]
    note: Annotated[str, Doc("printed below")] = ""
    published: PublishedNumbers | None = None


@dataclass(frozen=True)
class Cell:
    """One place of a table: a recipe and what is set in it."""

    row: str
    column: str
    recipe: Path
    overrides: tuple[str, ...]  # as of ``--set``

    def __str__(self) -> str:
        """Name it as the command line does."""
        return f"{self.row}/{self.column}"


def read_table(path: Path) -> TableSpec:
    """Read a table. Raises `RecipeError` with all that is wrong, or `UsageError` for a file that cannot be read."""
    binder = Binder(load_registry(), read(path))
    try:
        table = binder.construct(TableSpec, binder.arguments(TableSpec, binder.document.tables, (), "a table"), ())
    except Invalid:
        raise RecipeError(binder.problems) from None
    document = binder.document
    if problems := [*_strangers(table, document), *_empties(table, document), *_clashes(table, document)]:
        raise RecipeError(problems)
    return table


def cells_of(table: TableSpec, path: Path) -> list[Cell]:
    """Return every cell of the table that `path` holds, row by row."""
    return [
        Cell(name, column, _recipe(path.parent, table.columns[column], name), _overrides(table, name, column))
        for name, row in table.rows.items()
        for column in (row.columns or table.columns)
    ]


def _recipe(folder: Path, column: ColumnSpec, row: str) -> Path:
    return folder / str(column.recipe).replace("{row}", row)


def _overrides(table: TableSpec, row: str, column: str) -> tuple[str, ...]:
    """Return what is set in a cell; a row prevails over a column."""
    ignored = (*table.columns[column].ignore, *table.rows[row].ignore.get(column, ()))
    given = dict(flatten(table.columns[column].set))
    given |= {k: v for k, v in flatten(table.rows[row].set) if not any(_covers(each, k) for each in ignored)}
    return tuple(f"{key}={_toml(value)}" for key, value in given.items())


def _covers(ignored: str, key: str) -> bool:
    return f"{key}.".startswith(f"{ignored}.")


def _toml(value: Any) -> str:
    """Write a value as TOML does; a table is empty here, as ``metrics.modes = {}``."""
    return "{}" if isinstance(value, Mapping) else tomli_w.dumps({"value": value}).removeprefix("value = ").strip()


def _strangers(table: TableSpec, document: Document) -> Iterator[Problem]:
    """Name rows and columns that are referred to and are not there."""
    for name, row in table.rows.items():
        for key in ("columns", "ignore"):
            for column in set(getattr(row, key)) - set(table.columns):
                place = document.place(("rows", name, key))
                yield Problem(place, f'there is no column "{column}".{near_miss(column, table.columns)}')
    for name, columns in table.published.cells.items() if table.published else ():
        place = document.place(("published", "cells", name))
        if name not in table.rows:
            yield Problem(place, f'there is no row "{name}".{near_miss(name, table.rows)}')
        for column, values in columns.items():
            if column not in table.columns:
                yield Problem(place, f'there is no column "{column}".{near_miss(column, table.columns)}')
            for label, value in values.items():
                if not math.isfinite(value):
                    yield Problem(
                        document.place(("published", "cells", name, column, label)),
                        f"found {value}, expected a number.",
                    )
            for label in set(values) - set(table.metrics):
                yield Problem(place, f'"{label}" is no metric of this table.{near_miss(label, table.metrics)}')
    yield from _ignored_in_vain(table, document)


def _ignored_in_vain(table: TableSpec, document: Document) -> Iterator[Problem]:
    """Name keys that are ignored and that no row sets, or not the row that ignores them."""
    keys = {name: {key for key, _ in flatten(row.set)} for name, row in table.rows.items()}
    every = set().union(*keys.values())
    asked: list[tuple[KeyPath, list[str], set[str], str]]
    asked = [(("columns", name, "ignore"), each.ignore, every, "no row sets") for name, each in table.columns.items()]
    for name, row in table.rows.items():
        asked += [
            (("rows", name, "ignore", to), names, keys[name], "it does not set") for to, names in row.ignore.items()
        ]
    for path, names, there, told in asked:
        for name in names:
            if not any(_covers(name, key) for key in there):
                yield Problem(document.place(path), f"{told} {name}.{near_miss(name, there)}")


def _empties(table: TableSpec, document: Document) -> Iterator[Problem]:
    for name in ("metrics", "rows", "columns", "seeds"):
        if not getattr(table, name):
            yield Problem(document.place((name,)), "is empty; a table needs one at least.")


def _clashes(table: TableSpec, document: Document) -> Iterator[Problem]:
    """Name what stands twice, what the table decides itself, and names that no pattern could tell apart."""
    lists: dict[KeyPath, Sequence[Any]] = {("seeds",): table.seeds, ("metrics",): table.metrics}
    lists |= {("rows", name, "columns"): row.columns for name, row in table.rows.items()}
    for path, values in lists.items():
        for value in sorted({value for value in values if values.count(value) > 1}):
            yield Problem(document.place(path), f"names {value} twice.")
    for kind in ("rows", "columns"):
        for name, described in getattr(table, kind).items():
            if re.search(r"[/*?\[\]\s]", name) or not name:
                text = "needs a name without spaces, brackets, /, * and ?, for --only ROW/COLUMN; its title is free."
                yield Problem(document.place((kind, name)), text)
            if "seed" in described.set:
                text = "would do nothing: the table's own seeds say which are trained."
                yield Problem(document.place((kind, name, "set", "seed")), text)
