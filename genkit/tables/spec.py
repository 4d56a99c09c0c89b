"""A table file: its rows, columns, seeds and published numbers, as dataclasses.

The fields of `TableSpec` are the keys of the file. `genkit.tables.read_table` reads the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from genkit.core.field_types import Doc, NonNegativeInt


@dataclass(frozen=True)
class ColumnSpec:
    """``[columns.NAME]``: a method, given by its recipe."""

    recipe: Annotated[
        Path,
        Doc(
            "Recipe of the method: a file, relative to the table file, or the name of a shipped recipe; {row} is "
            "replaced by the name of the row."
        ),
    ]
    title: Annotated[str, Doc("Heading of the column; its name if empty.")] = ""
    set: Annotated[Mapping[str, Any], Doc("Keys that override the recipe, as nested tables.")] = field(
        default_factory=dict
    )
    ignore: Annotated[
        list[str], Doc('Keys ("table.key") or whole tables that rows set and this column does not apply.')
    ] = field(default_factory=list)


@dataclass(frozen=True)
class RowSpec:
    """``[rows.NAME]``: hyper-parameters that apply to every column."""

    title: Annotated[str, Doc("Heading of the row; its name if empty.")] = ""
    set: Annotated[
        Mapping[str, Any], Doc("Keys that override every recipe, as nested tables; a row overrides a column.")
    ] = field(default_factory=dict)
    ignore: Annotated[
        Mapping[str, list[str]], Doc("Keys of this row that a column does not apply, by the name of the column.")
    ] = field(default_factory=dict)
    columns: Annotated[list[str], Doc("Columns that have a cell in this row; all columns if empty.")] = field(
        default_factory=list
    )
    needs: Annotated[
        str, Doc('Requirements in words, such as "a GPU for a week"; the row is then trained only if --only names it.')
    ] = ""


@dataclass(frozen=True)
class PublishedNumbers:
    """``[published]``: the numbers of a paper, printed in brackets beside the measured ones."""

    source: Annotated[str, Doc("Publication that the numbers come from.")]
    cells: Annotated[
        Mapping[str, dict[str, dict[str, float]]], Doc("Published numbers by row, column and label of the metric.")
    ]


@dataclass(frozen=True)
class TableSpec:
    """The content of a table file."""

    title: Annotated[str, Doc("Title of the table.")]
    metrics: Annotated[
        list[str], Doc("Labels of metrics in the recipes, in the order of printing; one line each in every row.")
    ]
    rows: Annotated[Mapping[str, RowSpec], Doc("Settings of hyper-parameters, by name.")]
    columns: Annotated[Mapping[str, ColumnSpec], Doc("Methods, by name.")]
    seeds: Annotated[list[NonNegativeInt], Doc("Seeds of training; every cell is trained once with each.")]
    note: Annotated[str, Doc("Text below the table.")] = ""
    published: Annotated[PublishedNumbers | None, Doc("Numbers of a paper for comparison.")] = None
