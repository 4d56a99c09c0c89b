"""Places of messages about keys: ``[data] path: folder x not found`` gets the file and the line of the key.

Data sets, metrics and the training know the key that is wrong, but not the recipe in which it was written. Their
messages begin with the table: ``[data] path: ...``, ``[data] FOLDER: ...`` or ``[model]: ...``. Here they meet the
document, which knows the place: ``recipe.toml:7 [data] path: ...``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from genkit.errors import Place, RecipeError, UsageError
from genkit.recipe.text.document import Document
from genkit.recipe.text.nested import KeyPath

TABLE = re.compile(r"\[(?P<table>[^\[\]\n]+)\](?P<colon>:?) (?P<text>.*)", re.DOTALL)
KEY = re.compile(r"(?P<key>\w+)(?P<end>: | = )(?P<text>.*)", re.DOTALL)
NEXT_MESSAGE = re.compile(r"\n(?=\[)")


class LocatedText(NamedTuple):
    """A message, parted into the key that it is about and the text."""

    path: KeyPath  # of a key, or of a table
    text: str


@contextmanager
def placing_errors(document: Document) -> Iterator[None]:
    """Add the place in the document to each message about a key that a `UsageError` of the block has."""
    try:
        yield
    except RecipeError:  # has places
        raise
    except UsageError as error:
        error.args = (placed(str(error), document), *error.args[1:])
        raise


def placed(message: str, document: Document) -> str:
    """Return a message with a place before each line that begins with a table of the document."""
    return "\n".join(_placed_line(line, document) for line in message.split("\n"))


def located_texts(message: str, document: Document) -> Iterator[LocatedText]:
    """Yield each message about a key in a text of several lines; a text that names no table has an empty path."""
    for text in NEXT_MESSAGE.split(message):
        found = _located(text, document)
        yield LocatedText((), text) if found is None else LocatedText(found.path, found.text)


def narrowed(path: KeyPath, text: str, document: Document) -> LocatedText:
    """Return the key of a table if a message about the table begins with it, as in ``classes: no such label``."""
    table = _table_named(".".join(path), document) if path else None
    key = KEY.fullmatch(text)
    if table is None or key is None or key["end"] != ": " or key["key"] not in table[1]:
        return LocatedText(path, text)
    return LocatedText((*path, key["key"]), key["text"])


def _placed_line(line: str, document: Document) -> str:
    found = _located(line, document)
    if found is None:
        return line
    place = document.place(found.path)
    return f"{Place(place.file, place.line, (), place.option)} {found.shown}"


class _Located(NamedTuple):
    path: KeyPath
    text: str
    shown: str  # the text after the table and the key


def _located(text: str, document: Document) -> _Located | None:
    """Return the path that a message begins with, and its text; None unless it begins with a table of the document."""
    named = TABLE.fullmatch(text)
    table = _table_named(named["table"], document) if named else None
    if named is None or table is None:
        return None
    path, keys = table
    rest = named["text"]
    if not named["colon"]:
        if written := _key_of_value(keys, rest):
            return _Located((*path, written), rest, f"[{named['table']}] {written}: {rest}")
        if key := KEY.fullmatch(rest):
            return _Located((*path, key["key"]), key["text"] if key["end"] == ": " else rest, text)
    return _Located(path, rest, text)


def _table_named(name: str, document: Document) -> tuple[KeyPath, Mapping[str, Any]] | None:
    """Return the path and the keys of the table that is named ``metrics.fid.other``; None if there is none."""
    path: KeyPath = ()
    found: Any = document.tables
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        path, found = (*path, part), found[part]
    return path, found if isinstance(found, Mapping) else {}


def _key_of_value(table: Mapping[str, Any], text: str) -> str:
    """Return the key of a table whose value, as it is written or as an absolute path, begins a text; empty if none."""
    for key, value in table.items():
        if key == "use" or not isinstance(value, str) or not value:
            continue
        for form in (value, str(Path(value).expanduser().absolute())):
            if re.match(rf"{re.escape(form)}([:,/ ]|$)", text):
                return key
    return ""
