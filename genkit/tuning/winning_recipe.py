"""The recipe of the best trial: the text of the given recipe, its comments included, with the searched keys changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli_w

from genkit.errors import UsageError
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.text.document import Document
from genkit.recipe.text.document_of import document_of
from genkit.recipe.text.overrides import parted
from genkit.recipe.text.toml_text import parse
from genkit.storage.text_files import write_text
from genkit.tuning.planning import SearchPlan
from genkit.tuning.study import TrialRecord


def write_winning_recipe(file: Path, search: SearchPlan, best: TrialRecord, remark: str) -> None:
    """Write a recipe that `genkit run` accepts; `remark` becomes a comment at its beginning. Raises `OSError`."""
    overrides = search.overrides_of(best.params)
    wanted = make_plan(search.recipe, overrides=overrides, registry=search.registry, try_step=False)
    edited = _edited(search.recipe, overrides)
    text = None if edited is None else _comment(remark) + edited
    if text is None or not _is_plan_of(text, wanted, search):  # TOML in a form that cannot be edited key by key
        text = _comment(remark) + tomli_w.dumps(document_of(search.recipe, overrides).tables)
    write_text(file, text)


def _comment(remark: str) -> str:
    """Return a text as comments and an empty line. TOML allows no control character in a comment."""
    lines = ("".join(sign if sign.isprintable() else " " for sign in line) for line in remark.splitlines())
    return "".join(f"# {line}\n" for line in lines) + "\n"


def _edited(recipe: Path, overrides: tuple[str, ...]) -> str | None:
    """Return the text of a recipe with keys changed; None if its tables are not laid out so that this is possible."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(recipe.read_bytes().decode("utf-8-sig"))
        for override in overrides:
            path, value = parted(override, "train.steps=500")
            _set(document, path, _value(value))
        return tomlkit.dumps(document).replace("\r\n", "\n")
    except (TOMLKitError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _set(table: Any, path: tuple[str, ...], value: Any) -> None:
    """Set a key as `genkit.recipe.text.overrides` does: "" removes it, and a text on the way is the name of a part."""
    import tomlkit

    for name in path[:-1]:
        if isinstance(table.get(name, {}), str):
            inline = tomlkit.inline_table()
            inline["use"] = str(table[name])
            table[name] = inline
        elif name not in table:
            table[name] = tomlkit.table()
        table = table[name]
    if value == "":
        table.pop(path[-1], None)
    else:
        table[path[-1]] = value


def _value(text: str) -> Any:
    try:
        value: Any = parse(f"value = {text}")["value"]
    except ValueError:
        value = text.strip()
    return float(value) if isinstance(value, float) else value  # not the subclass that keeps its text


def _is_plan_of(text: str, wanted: Plan, search: SearchPlan) -> bool:
    """Return whether a recipe has the same keys, defaults included."""
    try:
        plan = make_plan(Document(parse(text)), registry=search.registry, try_step=False)
    except (UsageError, ValueError):
        return False
    return plan.resolved == wanted.resolved
