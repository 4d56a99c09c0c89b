"""Selection of the plugins to load: ``GENKIT_PLUGINS``, or ``--plugins``, which sets it for one command."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from genkit.errors import UsageError
from genkit.near_miss import near_miss

VARIABLE, OPTION = "GENKIT_PLUGINS", "--plugins"


class Selection(NamedTuple):
    """The names of plugins to load, and what the user has written."""

    names: frozenset[str]  # names of entry points; "all" and "none" are no names
    text: str  # "GENKIT_PLUGINS=introvae" or "--plugins introvae"; empty if nothing is selected
    remedy: str  # how all plugins are loaded

    @property
    def is_all(self) -> bool:
        """Whether all installed plugins are loaded."""
        return "all" in self.names or not self.names


_by_option = False


def select_plugins(names: str) -> None:
    """Select plugins as ``--plugins`` does, for this process and those that it starts; empty: keep the variable."""
    global _by_option
    _by_option = bool(names)
    if names:
        os.environ[VARIABLE] = names


def selection() -> Selection:
    """Return which plugins the user has selected."""
    written = os.environ.get(VARIABLE, "").strip()
    names = frozenset(name.strip() for name in written.split(",") if name.strip())
    if not written:
        return Selection(names, "", "")
    if _by_option:
        return Selection(names, f"{OPTION} {written}", f"leave out {OPTION}")
    return Selection(names, f"{VARIABLE}={written}", f"unset {VARIABLE}")


def check_selected(names: Iterable[str]) -> None:
    """Raise `UsageError` if a plugin is selected that is not among the `names` of the installed ones."""
    installed, chosen = set(names), selection()
    if missing := chosen.names - installed - {"all", "none"}:
        name = min(missing)
        raise UsageError(f"{chosen.text}: no plugin named {name} is installed.{near_miss(name, installed)}")


def check_selection() -> None:
    """Do what `check_selected` does, before a command that may load no plugin. It looks them up only if some are named.

    No plugin is imported.
    """
    if selection().names - {"all", "none"}:
        from importlib.metadata import entry_points

        from genkit.hooks import ENTRY_POINT_GROUP

        check_selected(point.name for point in entry_points(group=ENTRY_POINT_GROUP))
