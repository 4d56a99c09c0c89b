"""Printed lists of parts and plugins, and descriptions of single parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genkit.console.output import Console
from genkit.hooks import KINDS
from genkit.recipe.installed.describe_parts import name_clashes
from genkit.recipe.installed.registry import Registry


def print_registry(registry: Registry, console: Console) -> None:
    """Print a table of the parts of each kind, then the names with two owners and the plugins that failed to load."""
    for kind in KINDS:
        rows = [(part.entry.name, part.entry.summary, str(part.owner)) for part in registry.of_kind(kind)]
        console.table(kind, ("name", "what it is", "supplied by"), rows)
    for clash in name_clashes(registry):
        owners = " and ".join(clash["owners"])
        console.print(f"clash: {clash['kind']} {clash['name']}: {owners}; no recipe can use this name.")
    for broken in registry.broken:
        console.print(f"not loaded: {broken}")


def print_part(part: Mapping[str, Any], console: Console) -> None:
    """Print the description of a part, which `describe_part` made, and a table of its keys."""
    console.print(f"{part['name']} ({part['kind']}, {part['owner']})")
    for text in filter(None, (part["source"], "\n" + part["about"])):
        console.print(text)
    console.print("")
    rows = [(key["key"], key["takes"], key["default"], key["meaning"]) for key in part["keys"]]
    console.table("keys", ("key", "takes", "default", "meaning"), rows, below=True)
