"""Checks that the keys of a table file agree with each other: references, duplicates and names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from genkit.errors import Problem
from genkit.near_miss import near_miss
from genkit.recipe.text.document import Document, KeyPath
from genkit.recipe.text.nested import flatten
from genkit.tables.cells import covers
from genkit.tables.spec import TableSpec

FORBIDDEN_IN_NAMES = re.compile(r"[/*?\[\]\s]")  # they have a meaning in the patterns of --only


def check_spec(table: TableSpec, document: Document) -> list[Problem]:
    """Return all problems of a table, each with its line in the document."""
    checks = (
        _unknown_columns_in_rows,
        _published_numbers,
        _unused_ignores,
        _empty_lists,
        _duplicates,
        _invalid_names,
        _seeds_in_set,
    )
    return [problem for check in checks for problem in check(table, document)]


def _unknown_columns_in_rows(table: TableSpec, document: Document) -> Iterator[Problem]:
    for name, row in table.rows.items():
        for key, columns in (("columns", row.columns), ("ignore", row.ignore)):
            for column in sorted(set(columns) - set(table.columns)):
                yield _unknown("column", column, table.columns, document, ("rows", name, key))


def _published_numbers(table: TableSpec, document: Document) -> Iterator[Problem]:
    for row, columns in table.published.cells.items() if table.published else ():
        path = ("published", "cells", row)
        if row not in table.rows:
            yield _unknown("row", row, table.rows, document, path)
        for column, values in columns.items():
            if column not in table.columns:
                yield _unknown("column", column, table.columns, document, path)
            for label, value in values.items():
                if label not in table.metrics:
                    yield _unknown("metric", label, table.metrics, document, path)
                if not math.isfinite(value):
                    place = document.place((*path, column, label))
                    yield Problem(place, f"found {value}, expected a finite number.")


def _unknown(kind: str, name: str, known: Any, document: Document, path: KeyPath) -> Problem:
    return Problem(document.place(path), f'unknown {kind} "{name}".{near_miss(name, known)}')


def _unused_ignores(table: TableSpec, document: Document) -> Iterator[Problem]:
    """Find ignored keys that no row sets, or that the ignoring row does not set."""
    set_by = {name: {key for key, _ in flatten(row.set)} for name, row in table.rows.items()}
    set_anywhere = set().union(*set_by.values())
    for name, column in table.columns.items():
        for key in _not_covering(column.ignore, set_anywhere):
            place = document.place(("columns", name, "ignore"))
            yield Problem(place, f"no row sets {key}.{near_miss(key, set_anywhere)}")
    for name, row in table.rows.items():
        for column_name, keys in row.ignore.items():
            for key in _not_covering(keys, set_by[name]):
                place = document.place(("rows", name, "ignore", column_name))
                yield Problem(place, f"this row does not set {key}.{near_miss(key, set_by[name])}")


def _not_covering(ignored: Sequence[str], keys: set[str]) -> list[str]:
    return [name for name in ignored if not any(covers(name, key) for key in keys)]


def _empty_lists(table: TableSpec, document: Document) -> Iterator[Problem]:
    for name in ("metrics", "rows", "columns", "seeds"):
        if not getattr(table, name):
            yield Problem(document.place((name,)), "empty; a table needs at least one.")


def _duplicates(table: TableSpec, document: Document) -> Iterator[Problem]:
    lists: dict[KeyPath, Sequence[Any]] = {("seeds",): table.seeds, ("metrics",): table.metrics}
    lists |= {("rows", name, "columns"): row.columns for name, row in table.rows.items()}
    for path, values in lists.items():
        for value in sorted({value for value in values if values.count(value) > 1}):
            yield Problem(document.place(path), f"{value} is listed twice.")


def _invalid_names(table: TableSpec, document: Document) -> Iterator[Problem]:
    for kind in ("rows", "columns"):
        for name in getattr(table, kind):
            if not name or FORBIDDEN_IN_NAMES.search(name):
                yield Problem(
                    document.place((kind, name)),
                    "invalid name; --only ROW/COLUMN could not select it. Use a name without spaces, "
                    "brackets, /, * and ?; its title may be any text.",
                )


def _seeds_in_set(table: TableSpec, document: Document) -> Iterator[Problem]:
    for kind in ("rows", "columns"):
        for name, described in getattr(table, kind).items():
            if "seed" in described.set:
                place = document.place((kind, name, "set", "seed"))
                yield Problem(place, "has no effect. Remove it; the seeds of the table decide which runs are trained.")
