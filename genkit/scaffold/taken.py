"""Names that an installed plugin already has: a new plugin with one of them would clash with it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterable, Iterator

from genkit.errors import UsageError
from genkit.hooks import ENTRY_POINT_GROUP
from genkit.recipe.registry import Registry
from genkit.scaffold.kinds import TEMPLATES, Kind
from genkit.scaffold.names import PluginName


def refuse_taken(name: PluginName, kinds: Iterable[Kind], registry: Registry) -> None:
    """Raise `UsageError` if a part of one of these kinds, a plugin, a distribution or a module has the name already."""
    if owner := next(_owners(name, kinds, registry), None):
        raise UsageError(f"NAME {name.name}: taken by {owner}. Choose another name, or uninstall it first.")


def _owners(name: PluginName, kinds: Iterable[Kind], registry: Registry) -> Iterator[str]:
    for kind in kinds:
        for part in registry.parts.get((TEMPLATES[kind].hook, name.name), []):
            yield f"the {TEMPLATES[kind].label} of {part.owner}"
    for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        if point.name == name.name and point.dist is not None:
            yield f"the plugin of {point.dist.name} {point.dist.version}"
    for distribution in importlib.metadata.distributions(name=name.distribution):
        yield f"the distribution {distribution.name} {distribution.version}"
    if spec := importlib.util.find_spec(name.package):
        yield f"the module {name.package}, in {spec.origin or next(iter(spec.submodule_search_locations or ()), '?')}"
