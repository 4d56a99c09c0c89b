"""``genkit plugins``: which parts there are, whose they are, and what they take."""

from __future__ import annotations

import inspect
import json as json_format
from typing import Annotated, Any

import typer

from genkit.cli.options import Json
from genkit.core.constant_schedule import ConstantSchedule

app = typer.Typer(help="List plugins and their parts, or show what one takes.", invoke_without_command=True)


@app.callback()
def default(context: typer.Context, json: Json = False) -> None:
    """List the plugins unless a command follows."""
    if context.invoked_subcommand is None:
        list_plugins(json)
    elif json:
        context.default_map = {context.invoked_subcommand: {"json": True}}


@app.command("list")
def list_plugins(json: Json = False) -> None:
    """List every part by kind with its owner, and the plugins that could not be loaded."""
    from genkit.hooks import KINDS
    from genkit.recipe.registry import load_registry

    registry = load_registry()
    if json:
        parts = [_as_dict(part) for kind in KINDS for part in registry.of_kind(kind)]
        failed = [{"plugin": str(broken.owner), "reason": broken.reason} for broken in registry.broken]
        print(json_format.dumps({"parts": parts, "broken": failed, "clashes": _clashes(registry)}))
        return
    from genkit.console.output import Console

    console = Console()
    for kind in KINDS:
        rows = [(part.entry.name, part.entry.summary, str(part.owner)) for part in registry.of_kind(kind)]
        console.table(kind, ("name", "what it is", "supplied by"), rows)
    for clash in _clashes(registry):
        console.print(f"clash: {clash['kind']} {clash['name']}: {' and '.join(clash['owners'])}; no recipe can use it.")
    for broken in registry.broken:
        console.print(f"not loaded: {broken.owner}: {broken.reason}")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of a part, as a recipe writes it.")],
    json: Json = False,
) -> None:
    """Show what a part does and the keys that it takes, with their types and defaults."""
    from genkit.errors import UsageError, near_miss
    from genkit.hooks import KINDS
    from genkit.recipe.part_fields import expected, parameters_of
    from genkit.recipe.registry import load_registry

    registry = load_registry()
    parts = [part for kind in KINDS for part in registry.of_kind(kind) if part.entry.name == name]
    if not parts:
        known = {part.entry.name for kind in KINDS for part in registry.of_kind(kind)}
        raise UsageError(f'no part is called "{name}".{near_miss(name, known)}')

    shown = []
    for part in parts:
        target = part.load()
        try:
            parameters = parameters_of(target)
        except (TypeError, ValueError, NameError) as error:
            raise UsageError(f'the fields of "{name}" cannot be read: {error} ({part.owner}).') from None
        keys = [
            {
                "key": key,
                "takes": expected(parameter.hint),
                "default": _default(parameter),
                "meaning": parameter.doc,
            }
            for key, parameter in parameters.items()
            if key != "data_shape"
        ]
        shown.append({**_as_dict(part), "about": inspect.getdoc(target) or "", "keys": keys})
    if json:
        print(json_format.dumps({"parts": shown}))
        return
    from genkit.console.output import Console

    console = Console()
    for facts in shown:
        console.print(f"{facts['name']} ({facts['kind']}, {facts['owner']})\n{facts['source']}\n\n{facts['about']}\n")
        console.table("keys", ("key", "takes", "default", "meaning"), [tuple(key.values()) for key in facts["keys"]])


def _as_dict(part: Any) -> dict[str, Any]:
    return {"kind": part.kind, **part.entry._asdict(), "owner": str(part.owner)}


def _clashes(registry: Any) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "name": name, "owners": [str(part.owner) for part in parts]}
        for (kind, name), parts in sorted(registry.parts.items())
        if len(parts) > 1
    ]


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter.default, ConstantSchedule):
        return str(parameter.default.value)
    return "" if parameter.default is None else str(parameter.default)
