"""Names that an installed plugin already has: a new plugin with one of them would clash with it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterable, Iterator

from genkit.errors import UsageError
from genkit.hooks import ENTRY_POINT_GROUP
from genkit.recipe.installed.registry import Registry
from genkit.scaffold.kinds import TEMPLATES, Kind
from genkit.scaffold.names import PluginName

GENKIT = "genkit"  # the owner of the parts of genkit itself


def refuse_taken(name: PluginName, kinds: Iterable[Kind], registry: Registry) -> None:
    """Raise `UsageError` if a part of one of these kinds, a plugin, a distribution or a module has the name already."""
    if taken := next(_taken(name, kinds, registry), None):
        by, distribution = taken
        remedy = f", or uninstall {distribution} first" if distribution else ""
        raise UsageError(f"NAME {name.name}: taken by {by}. Choose another name{remedy}.")


def _taken(name: PluginName, kinds: Iterable[Kind], registry: Registry) -> Iterator[tuple[str, str]]:
    """Yield what has the name, and the distribution to uninstall; none for genkit itself and for a lone module."""
    for kind in kinds:
        for part in registry.parts.get((TEMPLATES[kind].hook, name.name), []):
            own = part.owner.plugin == GENKIT
            yield f"the {TEMPLATES[kind].label} of {part.owner}", "" if own else part.owner.distribution
    for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        if point.name == name.name and point.dist is not None:
            yield f"the plugin of {point.dist.name} {point.dist.version}", point.dist.name
    for distribution in importlib.metadata.distributions(name=name.distribution):
        yield f"the distribution {distribution.name} {distribution.version}", distribution.name
    if spec := importlib.util.find_spec(name.package):
        place = spec.origin or next(iter(spec.submodule_search_locations or ()), "?")
        yield f"the module {name.package}, in {place}", ""
