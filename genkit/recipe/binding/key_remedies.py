"""Remedies for a mistake in a key: the ends of messages of the binder. Each is empty or starts with a space."""

from __future__ import annotations

from typing import Any

from genkit.recipe.binding.part_fields import Form, form_of, without_none
from genkit.recipe.installed.registry import Registry
from genkit.recipe.text.document import Document, KeyPath


def known_parts(registry: Registry, kind: str) -> str:
    """Return the names of the parts of a kind; empty if there are none."""
    names = ", ".join(part.entry.name for part in registry.of_kind(kind))
    return f" Known {kind}: {names}." if names else ""


def how_to_add(path: KeyPath, hint: Any) -> str:
    """Return the line that adds a missing table to a recipe; empty for a key."""
    form, table = form_of(without_none(hint)), ".".join(path)
    if form is Form.TABLE:
        return f" Add [{table}]."
    if form in (Form.USE, Form.USES):
        header = table if form is Form.USE else f"{table}.CHILD"
        return f' Add [{header}] with use = "NAME"; `genkit plugins list` lists the names.'
    return ""


def how_to_quote(document: Document, path: KeyPath, text: str) -> str:
    """Return how a value is written as text, in quotation marks; empty without a text."""
    if not text:
        return ""
    if document.place(path).line is None and (option := document.place(path).file).startswith("--"):
        return f" Write {option} '{'.'.join(path)}={text}'."
    return f" Write {path[-1]} = {text}."
