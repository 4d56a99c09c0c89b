"""Groups of pictures, such as all pictures of one patient, read from a CSV file.

    file,group,split          `split` is optional: train or test
    a/001.png,anna,train

A model that is evaluated on other pictures of a patient whom it was trained on is measured too well, so all pictures
of a group are in one split.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genkit.bases.pictures.source import count, shown_name
from genkit.bases.pictures.unread import list_names
from genkit.errors import UsageError
from genkit.storage.os_errors import describe_os_error
from genkit.storage.regular_file import check_regular
from genkit.storage.user_path import user_path

FILE, GROUP, SPLIT = "file", "group", "split"  # the columns
PLACE = "[data] groups"
MOST_SHOWN = 20  # characters of a value in a message
SPLITS = ("train", "test")  # values of the column `split`


@dataclass(frozen=True)
class Groups:
    """The group of each picture, and the split of each group if the file has that column."""

    path: Path | None  # the file; None for a column of a table
    of_file: Mapping[str, str]
    splits: Mapping[str, str] | None  # by group
    place: str = PLACE  # the key or the option that names the file; messages start with it
    column: str = ""  # of the table, without a file

    @property
    def name(self) -> str:
        """The name of the file, or the column."""
        return f"column {self.column!r}" if self.path is None else self.path.name

    def of(self, files: Sequence[str], what: str) -> list[str]:
        """Return the groups of these files, in their order.

        `what` names the rows in the message, such as ``pictures``. Raises `UsageError` if a file has no row.
        """
        if missing := [file for file in files if file not in self.of_file]:
            raise self.problem(
                f"no row for {len(missing):,} of {count(len(files), 'picture')}: {list_shown(missing)}. "
                f"Add them, or remove the pictures; {FILE} is {what}"
            )
        return [self.of_file[file] for file in files]

    def problem(self, text: str) -> UsageError:
        """Return an error about the file."""
        return UsageError(f"{self.place}: {self.name if self.path is None else self.path}: {text}.")


def read_groups(path: Path, place: str = PLACE) -> Groups:
    """Read a CSV file with the columns `file` and `group`, and optionally `split`; other columns are ignored.

    `place` is the key or the option that names the file.

    Raises `UsageError` if the file cannot be read, lacks a column, names a file twice, leaves a value empty, has
    another split than `SPLITS`, or puts a group into both.
    """
    where = user_path(path).absolute()
    columns, rows = _read_rows(where, place)
    empty = Groups(where, {}, None, place)
    if missing := [name for name in (FILE, GROUP) if name not in columns]:
        found = ", ".join(columns) or "none"
        raise empty.problem(
            f"no column {' and no column '.join(missing)}; its columns are {found}. Write the names of the columns "
            "into the first line, with commas"
        )
    read = [name for name in (FILE, GROUP, SPLIT) if name in columns]
    if blank := [f"line {line} ({name})" for line, row in rows for name in read if not row[name]]:
        raise empty.problem(f"a value is missing in {list_names(blank)}")
    files = Counter(row[FILE] for _, row in rows)
    if twice := [name for name, number in files.items() if number > 1]:
        raise empty.problem(f"more than one row for {list_shown(twice)}. Keep one row for each picture")
    of_file = {row[FILE]: row[GROUP] for _, row in rows}
    return Groups(where, of_file, _splits(rows, empty) if SPLIT in columns else None, place)


def groups_of_column(column: str, of_row: Mapping[str, object]) -> Groups:
    """Return the groups that a column of a table names, from its value for each picture, such as ``row 7``.

    Raises `UsageError` for a value that is missing, or that is neither text nor a whole number.
    """
    of_file = {row: str(value).strip() for row, value in of_row.items() if isinstance(value, str | int)}
    groups = Groups(None, of_file, None, column=column)
    if other := [f"{row} ({_shown(value)})" for row, value in of_row.items() if not of_file.get(row)]:
        raise groups.problem(f"no text or whole number in {list_shown(other)}. Name a column that has one in each row")
    return groups


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else type(value).__name__


def list_shown(names: Sequence[str]) -> str:
    """Return the first few names in printable characters, and the number of the others."""
    return list_names([shown_name(name) for name in names])


def _read_rows(path: Path, place: str) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the names of the columns, and the number of the last line of each row with its values."""
    try:
        check_regular(path)
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets write a byte order mark
            reader = csv.DictReader(file, strict=True)
            rows = [(reader.line_num, row) for row in reader]
            return [name.strip() for name in reader.fieldnames or ()], [(line, _stripped(row)) for line, row in rows]
    except OSError as error:
        reason = describe_os_error(error, path)
    except (csv.Error, UnicodeDecodeError) as error:
        reason = str(error)
    raise UsageError(f"{place}: {path}: cannot be read as CSV in UTF-8: {reason}.")


def _stripped(row: Mapping[str | None, str | None]) -> dict[str, str]:
    """Return a row without spaces at the ends, since two spellings of one group would be two groups."""
    return {name.strip(): (value or "").strip() for name, value in row.items() if name}


def _splits(rows: Sequence[tuple[int, Mapping[str, str]]], empty: Groups) -> dict[str, str]:
    splits: dict[str, str] = {}
    both: dict[str, None] = {}
    for line, row in rows:
        group, split = row[GROUP], row[SPLIT]
        if split not in SPLITS:
            raise empty.problem(f"line {line} has the split {shown_name(split)!r}; expected {' or '.join(SPLITS)}")
        if splits.setdefault(group, split) != split:
            both[group] = None
    if both:
        raise empty.problem(f"in both splits: {list_shown(list(both))}. Give each group one split")
    return splits
