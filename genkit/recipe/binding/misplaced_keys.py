"""Keys that were written into the wrong table: ``[train] checkpoint_every``, where ``checkpoint.every`` was meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from genkit.near_miss import MOST_CLOSE, closest, near_miss
from genkit.recipe.binding.part_fields import SUPPLIED, Form, form_of, parameters_of, without_none
from genkit.recipe.binding.use_tables import labelled
from genkit.recipe.installed.registry import FAILURES, Registry
from genkit.recipe.tables import KINDS_OF_TABLES, Recipe
from genkit.recipe.text.document import Document, KeyPath

LEAST = 5  # characters of a misspelled name that is looked for in other tables: a short one is close to many


def hint_of_unknown(name: str, known: Iterable[str], table: KeyPath, keys: Iterable[KeyPath]) -> str:
    """Return the names that a key may mean which `table` does not have: near misses there, and keys elsewhere.

    `known` are the names in the table, and `keys` the paths of keys in all tables. Without any, list the known names.
    """
    known = list(known)
    others = {path: _forms(path) for path in dict.fromkeys(keys) if path[:-1] != table}
    wanted = _normal(name)
    found = [path for path, forms in others.items() if wanted in forms]
    here = closest(name, known)
    if not here and not found and len(name) >= LEAST:
        near = closest(wanted, {form for forms in others.values() for form in forms})
        found = [path for path, forms in others.items() if not forms.isdisjoint(near)]
    if not found:
        return near_miss(name, known)
    return f" Did you mean {' or '.join([*here, *map(_shown, found)][:MOST_CLOSE])}?"


def keys_of_recipe(document: Document, registry: Registry) -> Iterator[KeyPath]:
    """Yield the path of each key that the recipe may have: of its own tables, and of the parts that it names."""
    for name, parameter in parameters_of(Recipe).items():
        yield (name,)
        hint = without_none(parameter.hint)
        if form_of(hint) is Form.TABLE:
            yield from ((name, key) for key in parameters_of(hint))
    for table, kind in KINDS_OF_TABLES.items():
        written = document.tables.get(table)
        if form_of(without_none(parameters_of(Recipe)[table].hint)) is Form.USE:
            yield from ((table, key) for key in _keys_of_part(registry, kind, written))
        elif isinstance(written, Mapping):
            for label, each in written.items():
                use = labelled(each, label, table)
                yield from ((table, label, key) for key in _keys_of_part(registry, kind, use))


def _keys_of_part(registry: Registry, kind: str, written: Any) -> list[str]:
    """Return the keys of the part that a table names; none if it cannot be loaded, which is another mistake."""
    name = written.get("use") if isinstance(written, Mapping) else written
    parts = registry.parts.get((kind, name), []) if isinstance(name, str) else []
    try:
        return [key for part in parts[:1] for key in parameters_of(part.load()) if key not in SUPPLIED.get(kind, ())]
    except FAILURES:
        return []


def _forms(path: KeyPath) -> set[str]:
    """Return the names that a key may be given elsewhere: its own, and with a table around it before it."""
    last = _normal(path[-1])
    return {last, *(f"{_normal(table)}_{last}" for table in path[:-1])}


def _normal(name: str) -> str:
    return name.lower().replace("-", "_")


def _shown(path: KeyPath) -> str:
    if len(path) > 1:
        return ".".join(path)
    parameter = parameters_of(Recipe).get(path[0])
    is_value = parameter is None or form_of(without_none(parameter.hint)) is Form.VALUE
    return f"{path[0]} above all tables" if is_value else f"[{path[0]}]"
