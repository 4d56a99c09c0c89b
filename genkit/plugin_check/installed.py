"""The plugin that a name means: an entry point, a distribution, or a module that has no entry point yet."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType

from genkit.errors import UsageError
from genkit.hooks import ENTRY_POINT_GROUP
from genkit.near_miss import near_miss
from genkit.plugin_check.project_folder import how_to_check_folder
from genkit.recipe.installed.broken_plugin import Broken, reason_of
from genkit.recipe.installed.describe_parts import all_parts
from genkit.recipe.installed.plugin_selection import selection
from genkit.recipe.installed.registry import FAILURES, Owner, Part, Registry, load_registry


@dataclass(frozen=True)
class InstalledPlugin:
    """A plugin that has been imported."""

    owner: Owner
    module: ModuleType  # the one with the hooks
    refused: Broken | None  # why genkit refuses it
    parts: tuple[Part, ...]  # empty if it is refused
    registry: Registry  # of all plugins, with this one
    has_entry_point: bool

    @property
    def files(self) -> tuple[Path, ...]:
        """The Python files of its package, or its only module."""
        file = Path(self.module.__file__ or "")
        return tuple(sorted(file.parent.rglob("*.py"))) if file.name == "__init__.py" else (file,)

    @property
    def folder(self) -> Path | None:
        """The folder of its package; None for a plugin of one module."""
        file = Path(self.module.__file__ or "")
        return file.parent if file.name == "__init__.py" else None

    @property
    def place(self) -> str:
        """The module with the hooks, as messages name it: ``my_plugin/__init__.py``."""
        return self.shown(Path(self.module.__file__ or ""))

    def shown(self, path: Path) -> str:
        """Return one of the files as messages name it: ``my_plugin/loss.py``, or the name of the only module."""
        return path.name if self.folder is None else path.relative_to(self.folder.parent).as_posix()


def find_plugin(name: str) -> InstalledPlugin:
    """Import the plugin of a name.

    Raises `UsageError` for an unknown name, a plugin that `GENKIT_PLUGINS` or ``--plugins`` leaves out, and a module
    that fails on import.
    """
    point = _entry_point(name)
    if _normalised(name) in ("genkit", "genkit-torch"):
        raise UsageError(f"{name}: no plugin. The parts of genkit are checked by its own tests. Name a plugin.")
    if point is None and Path(name).exists() and not _is_module(name):
        what = "a folder" if Path(name).is_dir() else "a file"
        raise UsageError(f"{name}: {what}, expected a plugin. {how_to_check_folder(Path(name))}.")
    if point is None and not _is_module(name):
        known = {each.name for each in metadata.entry_points(group=ENTRY_POINT_GROUP)}
        raise UsageError(
            f"{name}: no installed plugin, distribution or module has this name.{near_miss(name, known)} "
            "Install the package first: pip install -e FOLDER."
        )
    chosen = selection()
    if point is not None and not chosen.is_all and point.name not in chosen.names:
        raise UsageError(
            f"{name}: the plugin {point.name} is not loaded ({chosen.text}). Add {point.name} to the names there, or "
            f"{chosen.remedy}."
        )
    module_name = name if point is None else point.module
    try:
        module = importlib.import_module(module_name)
    except FAILURES as error:
        raise UsageError(
            f"{name}: {module_name} cannot be imported: {reason_of(error)}. Correct the module, and "
            "install what it imports."
        ) from error
    registry = load_registry()
    if point is None:
        owner = Owner(name, name, "not installed")
    else:
        owner = Owner(point.name, point.dist.name if point.dist else name, point.dist.version if point.dist else "?")
    known_owners = {each.plugin for each in registry.owners} | {each.owner.plugin for each in registry.broken}
    if owner.plugin not in known_owners:  # without an entry point
        registry.register(module, owner)
    refused = next((each for each in registry.broken if each.owner.plugin == owner.plugin), None)
    parts = tuple(part for part in all_parts(registry) if part.owner.plugin == owner.plugin)
    return InstalledPlugin(owner, module, refused, parts, registry, point is not None)


def _entry_point(name: str) -> metadata.EntryPoint | None:
    """Return the entry point that has this name, or whose distribution or module has it."""
    points = list(metadata.entry_points(group=ENTRY_POINT_GROUP))
    for names in (_by_name, _by_distribution, _by_module):
        for point in points:
            if _normalised(name) in map(_normalised, names(point)):
                return point
    return None


def _by_name(point: metadata.EntryPoint) -> Iterator[str]:
    yield point.name


def _by_distribution(point: metadata.EntryPoint) -> Iterator[str]:
    if point.dist is not None:
        yield point.dist.name


def _by_module(point: metadata.EntryPoint) -> Iterator[str]:
    yield point.module


def _normalised(name: str) -> str:
    """Return a name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_module(name: str) -> bool:
    if not all(part.isidentifier() for part in name.split(".")):
        return False
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
