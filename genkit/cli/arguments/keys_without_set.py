"""Errors for keys of a recipe that are given without ``--set``: ``--steps 500``, and ``train.steps=500``."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from genkit.console.escapes import escaped

SET = "--set"
ASSIGNED = re.compile(r"[a-z_]+(\.[\w-]+)+=.*", re.DOTALL)


def refuse_keys_without_set(command: Any, args: Sequence[str], ctx: Any) -> None:
    """Raise typer's usage error, exit code 2, for a key of a recipe without ``--set``, if the command has that option.

    An argument that the command knows as an option, or that is a file, is what it is.
    """
    options = {option for parameter in command.params for option in parameter.opts}
    if SET not in options or ctx.resilient_parsing:
        return
    before = ""
    for arg in args[: args.index("--")] if "--" in args else args:
        of_option = before.startswith("-") and "=" not in before
        if ASSIGNED.fullmatch(arg) and not of_option and not os.path.lexists(arg):
            ctx.fail(f"{escaped(arg)}: a key of the recipe needs {SET}: {SET} {escaped(arg)}")
        name = arg.partition("=")[0]
        if name.startswith("--") and name not in options and (keys := _keys_called(name[2:])):
            ctx.fail(f"{escaped(name)}: no option, but a key of the recipe: {' or '.join(keys)}")
        before = arg


def _keys_called(name: str) -> list[str]:
    """Return the overrides of the keys of a name in tables without parts, such as ``--set train.steps=VALUE``."""
    from genkit.recipe.binding.misplaced_keys import keys_of_recipe
    from genkit.recipe.installed.registry import load_registry
    from genkit.recipe.text.document import Document

    keys = keys_of_recipe(Document({}), load_registry())
    called = name.replace("-", "_")
    return [f"{SET} {'.'.join(path)}=VALUE" for path in keys if called in (path[-1], "_".join(path))]
