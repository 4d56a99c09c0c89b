"""Construction of a part for its laws: its keys are those of ``--set``, of a recipe, or examples of their types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genkit.errors import RecipeError, UsageError
from genkit.hooks import KINDS
from genkit.near_miss import near_miss
from genkit.plugin_check.example_values import NoExample, example_value
from genkit.plugin_check.installed import InstalledPlugin
from genkit.plugin_check.recipe_keys import RecipeTable
from genkit.recipe.binding.bind import Binder, Invalid
from genkit.recipe.binding.part_fields import SUPPLIED, parameters_of
from genkit.recipe.installed.registry import Part, Registry
from genkit.recipe.text.document import Document
from genkit.recipe.text.overrides import parted, with_override

SINGULAR = {"losses": "loss", "datasets": "dataset"}
OPTION = "--set"
EXAMPLE = "loss.my-loss.beta=0.5"


class NotChecked(Exception):
    """A part whose laws cannot be checked here; the text says what is missing, and how to give it."""


def kind_word(kind: str) -> str:
    """Return the name of a kind for one part: ``losses`` -> ``loss``."""
    return SINGULAR.get(kind, kind.removesuffix("s"))


def keys_of_parts(
    plugin: InstalledPlugin, recipes: Mapping[tuple[str, str], RecipeTable], overrides: Sequence[str]
) -> Document:
    """Return the tables ``KIND.NAME`` of all parts of a plugin, with the keys that recipes and overrides set.

    Raises `UsageError` for an override of another part.
    """
    tables: dict[str, dict[str, Any]] = {}
    for part in plugin.parts:
        table = recipes.get((part.kind, part.entry.name))
        tables.setdefault(part.kind, {})[part.entry.name] = dict(table.keys) if table else {}
    document = Document(tables, "the checked part")
    words = {kind_word(kind): kind for kind in KINDS} | {kind: kind for kind in KINDS}
    for override in overrides:
        path, _ = parted(override, EXAMPLE)
        kind = words.get(path[0], "")
        if kind not in tables or len(path) < 3 or path[1] not in tables[kind]:
            known = [f"{kind_word(kind)}.{name}" for kind, names in tables.items() for name in names]
            written = ".".join(path[:2])
            raise UsageError(
                f"--set {override}: {written} is no part of {plugin.owner.plugin}.{near_miss(written, known)} Write "
                "--set KIND.NAME.KEY=VALUE"
            )
        key, _, value = override.partition("=")
        document = with_override(document, f"{kind}.{key.partition('.')[2]}={value}")
    return document


def prepared(part: Part, document: Document, registry: Registry) -> Callable[..., Any]:
    """Return a function that constructs a part; it takes other values of keys, and what no recipe sets.

    Raises `NotChecked` if a key has no value, or one that does not fit; then `RecipeError` if the user has set it.
    """
    target = part.load()
    supplied = SUPPLIED.get(part.kind, ())
    table = dict(document.tables[part.kind][part.entry.name])
    for key, parameter in parameters_of(target).items():
        if parameter.required and key not in table and key not in supplied:
            try:
                table[key] = example_value(parameter.hint)
            except NoExample:
                raise NotChecked(f"needs {key}. {how_to_set(part, key)}") from None
    binder = Binder(registry, document)
    path = (part.kind, part.entry.name)
    try:
        _, arguments = binder.prepare(part.kind, {"use": part.entry.name, **table}, path, supplied)
    except Invalid:
        if any(problem.place.file == OPTION or problem.place.option for problem in binder.problems):
            raise RecipeError(binder.problems) from None
        raise NotChecked(f"{RecipeError(binder.problems)} {how_to_set(part, 'KEY')}") from None
    return lambda **others: target(**{**arguments, **others})


def how_to_set(part: Part, key: str) -> str:
    """Return how a user gives a key of a part to the check."""
    return f"Set it with --set {kind_word(part.kind)}.{part.entry.name}.{key}=VALUE, or in a recipe that uses the part"
