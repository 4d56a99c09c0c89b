"""Completion of what a typed recipe, run or table contains: keys, metrics, classes and cells. Nothing imports torch."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer

from genkit.cli.completion.complete_names import next_in_list
from genkit.recipe.text.nested import flatten
from genkit.recipe.text.shipped import shipped_recipe, shipped_table
from genkit.storage.names import ABOUT, RESOLVED


def complete_metrics(context: typer.Context, incomplete: str) -> list[str]:
    """Return the labels of the run that is typed, or the installed metrics if none of them begins so."""
    from genkit.recipe.installed.registry import load_registry

    labels = list(_recipe_of(context).get("metrics", {}))
    if found := next_in_list(labels, incomplete):
        return found
    return next_in_list([part.entry.name for part in load_registry().of_kind("metrics")], incomplete)


def complete_key(context: typer.Context, incomplete: str) -> list[str]:
    """Return the keys of the recipe that is typed, and those of all recipes, each with `=`.

    For a command that reads a run, return the keys that an evaluation can change.
    """
    keys = [key for key, _ in flatten(_recipe_of(context))]
    if "run" in context.params:
        keys = [key for key in keys if key.partition(".")[0] in ("metrics", "data", "seed")]
    else:
        keys += _keys_of_all_recipes()
    return [f"{key}=" for key in dict.fromkeys(keys) if key.startswith(incomplete)]


def complete_key_of_data(context: typer.Context, incomplete: str) -> list[str]:
    """Return the keys of [data] of the run that is typed."""
    return [key for key in complete_key(context, incomplete) if key.startswith("data.")]


def complete_class(context: typer.Context, incomplete: str) -> list[str]:
    """Return the classes of the run or model folder that is typed, after those that are typed already."""
    return next_in_list(_classes_of(context), incomplete)


def complete_cell(context: typer.Context, incomplete: str) -> list[str]:
    """Return the rows of the table that is typed, and ``ROW/COLUMN`` once a row is typed."""
    table = _read(context, ("path", "table"), shipped_table)
    rows, columns = table.get("rows"), table.get("columns")
    if not isinstance(rows, Mapping) or not isinstance(columns, Mapping):
        return []
    of_row = {name: row.get("columns") or list(columns) for name, row in rows.items() if isinstance(row, Mapping)}
    cells = [f"{name}/{column}" for name, own in of_row.items() for column in own]
    return [each for each in (cells if "/" in incomplete else of_row) if each.startswith(incomplete)]


def _recipe_of(context: typer.Context) -> Mapping[str, Any]:
    """Return the tables of the recipe, or of the run, that an earlier argument names; empty if it cannot be read."""
    return _read(context, ("recipe", "run"), shipped_recipe)


def _read(context: typer.Context, names: tuple[str, ...], shipped: Callable[[Path], Path | None]) -> Mapping[str, Any]:
    """Return the tables of the file that one of these arguments names; empty if it cannot be read."""
    given = _given(context, names)
    if given is None:
        return {}
    try:
        path = Path(str(given)).expanduser()
        path = shipped(path) or path
        return tomllib.loads((path / RESOLVED if path.is_dir() else path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):
        return {}


def _given(context: typer.Context, names: tuple[str, ...]) -> Any:
    """Return the argument of one of these names, as it is typed; None if it is not typed yet."""
    typed = [context.params[name] for name in names if context.params.get(name)]
    return next(iter([*typed, *context.args]), None)  # an option without its value, as here, leaves arguments in `args`


def _classes_of(context: typer.Context) -> list[str]:
    """Return the names of the classes that a model folder keeps, of the run's own ones the first; empty without one."""
    given = _given(context, ("run",))
    if given is None:
        return []
    try:
        path = Path(str(given)).expanduser()
        files = [path / ABOUT, *sorted(path.glob(f"*/{ABOUT}"))]
        facts = json.loads(next(file for file in files if file.is_file()).read_bytes())
        return [str(name) for name in facts["classes"]["names"]]
    except (OSError, ValueError, RuntimeError, StopIteration, KeyError, TypeError):
        return []


def _keys_of_all_recipes() -> list[str]:
    """Return the keys of tables that hold no parts, such as ``train.steps``."""
    from genkit.recipe.tables import Recipe

    keys = []
    for name, hint in get_type_hints(Recipe).items():
        for target in (hint, *get_args(hint)):
            if isinstance(target, type) and is_dataclass(target) and target.__name__ != "Use":
                keys += [f"{name}.{each.name}" for each in fields(target)]
    return ["seed", "title", *keys]
