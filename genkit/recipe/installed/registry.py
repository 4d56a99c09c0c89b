"""Registry of all parts, with the plugin that supplies each.

pluggy checks plugins against the hook specs. It does not catch errors of entry points, so that one broken plugin would
stop the program, and it returns results without their owner. This module does both.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pluggy

from genkit import hooks
from genkit.errors import UsageError
from genkit.hooks import ENTRY_POINT_GROUP, HOOKS_VERSION, KINDS, Entry
from genkit.near_miss import closest, ended, near_miss
from genkit.recipe.installed.broken_plugin import Broken, NotLoaded, WrongHooks, reason_of
from genkit.recipe.installed.entry_target import NoSuchTarget, import_target
from genkit.recipe.installed.plugin_selection import OPTION, VARIABLE, check_selected, selection

INSTALL_ITS_PLUGIN = (
    "If a plugin supplies it, install the plugin with pip; `genkit plugins` lists the parts that are installed."
)
FAILURES = (Exception, SystemExit, GeneratorExit)  # of a plugin's code; Ctrl-C is the user's


@dataclass(frozen=True)
class Owner:
    """The distribution that supplies a part."""

    plugin: str  # the name of its entry point
    distribution: str
    version: str

    def __str__(self) -> str:
        """Name the distribution and its version."""
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class Part:
    """An entry and its owner."""

    kind: str
    entry: Entry
    owner: Owner

    def load(self) -> Any:
        """Import the target. Raises `UsageError` with the plugin and its exception."""
        try:
            with _defaults_kept():
                return import_target(self.entry.target)
        except FAILURES as error:  # anything that a plugin's module raises on import
            reason = str(error) if isinstance(error, NoSuchTarget) else reason_of(error)
            what = f'"{self.entry.name}" cannot be loaded from {self.entry.target}: {ended(reason)}'
            raise NotLoaded.of(what, f"Fix, update or uninstall {self.owner}.") from error


@dataclass
class Registry:
    """All parts by kind and name. A name with two owners keeps both, and is an error only where a recipe uses it."""

    parts: dict[tuple[str, str], list[Part]] = field(default_factory=dict)
    owners: list[Owner] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    _manager: pluggy.PluginManager = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._manager = pluggy.PluginManager("genkit")
        self._manager.add_hookspecs(hooks)

    def register(self, plugin: object, owner: Owner) -> None:
        """Add the parts of a plugin. A plugin that fails is added to `broken`, and none of its parts is kept."""
        try:
            self._check_version(plugin)
            self._check_hooks(plugin)
            self._manager.register(plugin, name=owner.plugin)
            with _defaults_kept():
                found = [part for kind in KINDS for part in self._parts_of(kind, owner)]
            _check_names(found)
        except FAILURES as error:  # anything that a plugin raises
            if self._manager.has_plugin(owner.plugin):
                self._manager.unregister(name=owner.plugin)
            self.broken.append(Broken.by(error, owner))
            return
        self.owners.append(owner)
        for part in found:
            self.parts.setdefault((part.kind, part.entry.name), []).append(part)

    def find(self, kind: str, name: str, remedy: str = "") -> Part:
        """Return the part of that kind and name. Raises `UsageError` for an unknown name or one with two owners.

        `remedy` ends the message about an unknown name: how to get the part, if that is known.
        """
        parts = self.parts.get((kind, name), [])
        if len(parts) > 1:
            owners = " and ".join(str(part.owner) for part in parts)
            others = [part.owner.plugin for part in parts if part.owner.plugin != "genkit"]
            raise UsageError(
                f'"{name}" is supplied by {owners}. Uninstall one of them, or list the plugins to load in {VARIABLE} '
                f"or with {OPTION}, at most one of {', '.join(others)} (genkit's own parts are always loaded)."
            )
        if not parts:
            raise UsageError(f'unknown {_singular(kind)} "{name}".{self._hint(kind, name, remedy)}')
        return parts[0]

    def of_kind(self, kind: str) -> list[Part]:
        """Return every part of a kind, sorted by name."""
        return [part for key in sorted(self.parts) if key[0] == kind for part in self.parts[key]]

    def _hint(self, kind: str, name: str, remedy: str) -> str:
        names = [known for of_kind, known in self.parts if of_kind == kind]
        hint, fitting = near_miss(name, names), bool(closest(name, names) or remedy)
        if elsewhere := [of_kind for of_kind, known in self.parts if known == name]:
            hint = f' "{name}" is one of the {elsewhere[0]}.{hint}'
            fitting = True
        return hint + self.hint_of_plugins(installed=fitting) + remedy

    def hint_of_plugins(self, *, installed: bool = False) -> str:
        """Return why no plugin supplies a part, after a space: it failed, is not selected, or is not `installed`."""
        chosen, hint = selection(), ""
        if not installed and chosen.is_all:
            hint += f" {INSTALL_ITS_PLUGIN}"
        if self.broken:
            hint += f" Plugins that failed to load: {'; '.join(map(str, self.broken))}."
        if not chosen.is_all:
            hint += f" Only some plugins are loaded ({chosen.text}); {chosen.remedy} to load all."
        return hint

    def _check_version(self, plugin: object) -> None:
        version = getattr(plugin, "genkit_hooks", None)
        if not isinstance(version, int):
            remedy = f"add `genkit_hooks = {HOOKS_VERSION}` at the top of the module"
            raise WrongHooks("no version of the hooks", remedy)
        if version > HOOKS_VERSION:
            reason = f"written for version {version} of the hooks, and this genkit has {HOOKS_VERSION}"
            raise WrongHooks(reason, "update genkit-torch")

    def _check_hooks(self, plugin: object) -> None:
        hooks = {f"genkit_{kind}" for kind in KINDS}
        for name in dir(plugin):
            options = self._manager.parse_hookimpl_opts(plugin, name)
            if options is not None and (options.get("specname") or name) not in hooks:
                raise TypeError(f"unknown hook {name}.{near_miss(name, hooks)}")

    def _parts_of(self, kind: str, owner: Owner) -> Iterable[Part]:
        for implementation in getattr(self._manager.hook, f"genkit_{kind}").get_hookimpls():
            if implementation.plugin_name == owner.plugin:
                for entry in implementation.function():
                    if not isinstance(entry, Entry):
                        raise TypeError(f"genkit_{kind} yields {entry!r}, expected an Entry")
                    yield Part(kind, entry, owner)


def _check_names(parts: Sequence[Part]) -> None:
    """Raise `TypeError` if a plugin has two parts of one kind and name."""
    names = [(part.kind, part.entry.name) for part in parts]
    for kind, name in names:
        if names.count((kind, name)) > 1:
            raise TypeError(f'genkit_{kind} yields "{name}" twice. Give each part its own name')


@contextlib.contextmanager
def _defaults_kept() -> Iterator[None]:
    """Run code of a plugin. Raises `TypeError` if it changes the defaults of torch, which are restored."""
    before = _changed_defaults()
    yield
    if before != (after := _changed_defaults()) and not before:
        from genkit.core.torch_defaults import reset_defaults

        reset_defaults()
        raise TypeError(f"it sets {' and '.join(after)}, for all of this process. Remove that line from the module")


def _changed_defaults() -> list[str]:
    """Return which defaults of torch are changed; none while torch is not imported, which takes a second."""
    if "torch" not in sys.modules:
        return []
    from genkit.core.torch_defaults import changed_defaults

    return changed_defaults()


def _singular(kind: str) -> str:
    return {"losses": "loss", "errors": "reconstruction error", "datasets": "data set"}.get(
        kind, kind.removesuffix("s")
    )


def load_registry() -> Registry:
    """Return a registry of genkit's own parts and of the installed plugins that ``GENKIT_PLUGINS`` selects.

    Raises `UsageError` if it selects a plugin that is not installed.
    """
    from genkit import __version__
    from genkit.parts import builtin

    registry = Registry()
    registry.register(builtin, Owner("genkit", "genkit-torch", __version__))

    for point in _selected_entry_points():
        owner = Owner(point.name, *_distribution(point))
        try:
            with (
                contextlib.redirect_stdout(sys.stderr),
                _defaults_kept(),
            ):  # nothing of a plugin in the output of --json
                plugin = point.load()
        except FAILURES as error:  # a plugin that fails on import must not stop the program
            registry.broken.append(Broken(owner, reason_of(error)))
            continue
        with contextlib.redirect_stdout(sys.stderr):
            registry.register(plugin, owner)
    return registry


def _selected_entry_points() -> list[importlib.metadata.EntryPoint]:
    """Return the entry points that ``GENKIT_PLUGINS`` selects, by name. Raises `UsageError` for a missing plugin."""
    points = sorted(importlib.metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name)
    check_selected(point.name for point in points)
    chosen = selection()
    return [point for point in points if chosen.is_all or point.name in chosen.names]


def _distribution(point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("unknown distribution", "?")
