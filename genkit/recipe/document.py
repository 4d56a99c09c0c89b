"""TOML with the line of every key, and the overrides of the command line.

`tomllib` gives no positions. A statement is the fewest consecutive lines that parse on their own, so splitting a text
into statements and parsing each by itself tells where every key stands, with tomllib as the only grammar.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genkit.errors import Place, UsageError
from genkit.recipe.shipped import shipped_recipes

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class Document:
    """Nested tables, and where each key of them was written."""

    tables: dict[str, Any]
    file: str = "recipe"
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    overrides: Mapping[KeyPath, str] = field(default_factory=dict)  # what no file says, and the option that does

    def place(self, path: KeyPath) -> Place:
        """Say where the key at `path` stands, or the innermost table around it that was written."""
        # An override wrote the key, or a table around it that the file does not have.
        written = [path[:n] for n in range(len(path), 0, -1) if path[:n] not in self.lines]
        for override, option in self.overrides.items():
            if path[: len(override)] == override or any(override[: len(part)] == part for part in written):
                return Place(option, None, path)
        line = next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), None)
        within = (option for override, option in self.overrides.items() if path and override[: len(path)] == path)
        return Place(self.file, line, path, next(within, ""))


def read(path: Path) -> Document:
    """Read a TOML file. Raises `UsageError`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        reason = "is a folder, expected a TOML file" if path.is_dir() else reason
        command = f"genkit recipes copy {path.stem}" if path.stem in shipped_recipes() else "genkit recipes"
        raise UsageError(f"{path}: {reason}. For what genkit ships: {command}.") from None
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}.") from None
    return Document(tables, str(path), _lines(text))


def with_override(document: Document, override: str) -> Document:
    """Return the document with ``table.key=value`` set; the value is TOML, or else bare text. Raises `UsageError`.

    An empty value, ``train.epochs=``, takes the key out.
    """
    path, text = parted(override, "train.steps=500")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    tables = _set(document.tables, path, value, override)
    return Document(tables, document.file, document.lines, {**document.overrides, path: "--set"})


def parted(override: str, example: str) -> tuple[KeyPath, str]:
    """Return the key and the value of ``table.key=value``. Raises `UsageError` with the example where it has none."""
    key, equals, text = override.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path):
        raise UsageError(f"--set {override}: expected table.key=value, for example --set {example}.")
    return path, text


def _set(table: dict[str, Any], path: KeyPath, value: Any, override: str) -> dict[str, Any]:
    key, *rest = path
    if not rest:
        return {**table, key: value} if value != "" else {name: table[name] for name in table if name != key}
    inner = table.get(key, {})
    if isinstance(inner, str):  # `c = "curriculum-c"` is short for a table with that `use`
        inner = {"use": inner}
    if not isinstance(inner, dict):
        raise UsageError(f"--set {override}: {key} is {inner!r}, not a table.")
    return {**table, key: _set(inner, tuple(rest), value, override)}


def _lines(text: str) -> dict[KeyPath, int]:
    """Return the line, counted from 1, of every table and key of a valid TOML text."""
    lines: dict[KeyPath, int] = {}
    header: KeyPath = ()
    for number, statement in _statements(text):
        parsed = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            header = _innermost(parsed)
            for length in range(1, len(header)):  # [a.b] writes a table a, too
                lines.setdefault(header[:length], number)
            lines[header] = number
        else:
            lines |= {header + path: number for path in _paths(parsed)}
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    pending, start = "", 1
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if not pending:
            start = number
        pending += line
        try:
            tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue  # an array or a string that goes on in the next line
        yield start, pending
        pending = ""


def _innermost(parsed: Any) -> KeyPath:
    path: KeyPath = ()
    while parsed:
        if isinstance(parsed, list):
            parsed = parsed[-1]
            continue
        key, parsed = next(iter(parsed.items()))
        path += (key,)
    return path


def _paths(parsed: dict[str, Any]) -> Iterator[KeyPath]:
    for key, value in parsed.items():
        yield (key,)
        if isinstance(value, dict):
            yield from ((key, *inner) for inner in _paths(value))
