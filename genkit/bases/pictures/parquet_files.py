"""Reading of parquet files by row group, from a disk or from a hub."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any, NamedTuple

from genkit.bases.pictures.threads import map_in_threads
from genkit.errors import UsageError


class RowGroup(NamedTuple):
    """A row group of a parquet file, the smallest part of the file that can be read alone."""

    file: str  # a path, or an address that fsspec opens
    number: int  # within the file
    rows: int
    nbytes: int


class PictureRow(NamedTuple):
    """A row of a parquet file, its picture still encoded."""

    name: str  # the file, the row group and the row
    encoded: Any  # {"bytes": ..., "path": ...}
    label: int | None


def open_parquet(file: str) -> Any:
    """Open a parquet file, on this disk or on a hub."""
    import fsspec
    from pyarrow.parquet import ParquetFile

    system, path = fsspec.core.url_to_fs(file)
    return ParquetFile(system.open(path, "rb"))


def list_row_groups(files: Sequence[str]) -> tuple[RowGroup, ...]:
    """Return the row groups of some files that have rows, in the order of the files; reads only their footers."""
    with closing(map_in_threads(_read_footer, files)) as footers:
        return tuple(group for groups in footers for group in groups if group.rows)


def read_rows(group: RowGroup, column: str, label_column: str | None) -> list[PictureRow]:
    """Return the rows of a row group. Raises `UsageError` if it cannot be read."""
    table = read_columns(group, [column] if label_column is None else [column, label_column])
    labels = [None] * len(table) if label_column is None else table[label_column].to_pylist()
    pictures = table[column].to_pylist()
    where = f"{group.file}, row group {group.number}"
    return [
        PictureRow(f"{where}, row {index}", picture, label)
        for index, (picture, label) in enumerate(zip(pictures, labels, strict=True))
    ]


def read_columns(group: RowGroup, names: list[str]) -> Any:
    """Return some columns of a row group as a pyarrow table. Raises `UsageError` if they cannot be read."""
    try:
        with open_parquet(group.file) as file:
            return file.read_row_group(group.number, columns=names)
    except Exception as error:  # the disk, the network, or a file that has changed
        raise UsageError(f"[data] {group.file}: row group {group.number} cannot be read: {error}") from error


def _read_footer(file: str) -> list[RowGroup]:
    with open_parquet(file) as opened:
        metadata = opened.metadata
        return [
            RowGroup(file, number, group.num_rows, group.total_byte_size)
            for number, group in enumerate(map(metadata.row_group, range(metadata.num_row_groups)))
        ]
