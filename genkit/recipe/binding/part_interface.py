"""Interface of a part: the members that its kind requires, and fields that are keys of its table.

Python would report a missing member where it is first used, which may be after the training, and an attribute without
an annotation never: it is no field, so a recipe cannot set it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from inspect import get_annotations, getattr_static

from typing_extensions import get_protocol_members, is_protocol

from genkit.core.callback import Callback
from genkit.core.dataset import Dataset
from genkit.core.loss import Loss
from genkit.core.metric import Extractor, Metric
from genkit.core.score import Score
from genkit.core.types import Divergence, Optimiser, ReconstructionError, Schedule
from genkit.part_code import code_of

INTERFACES: dict[str, type] = {
    "losses": Loss,
    "errors": ReconstructionError,
    "divergences": Divergence,
    "schedules": Schedule,
    "datasets": Dataset,
    "metrics": Metric,
    "scores": Score,
    "optimisers": Optimiser,
    "extractors": Extractor,
    "callbacks": Callback,
}
MISSING = object()


def check_interface(kind: str, part: object) -> None:
    """Raise `TypeError` unless a part has the members of its kind, and declares its keys as fields."""
    interface = INTERFACES[kind]
    if not is_protocol(interface) and not isinstance(part, interface):
        raise TypeError(f"{code_of(part)} is no {interface.__name__}. Derive it from genkit.api.{interface.__name__}")
    members = _members(interface)
    decorator = "@dataclass" if kind == "callbacks" else "@dataclass(frozen=True)"  # a callback keeps attributes
    absent = sorted(name for name in members if getattr_static(part, name, MISSING) is MISSING)
    if absent:
        required = ", ".join(sorted(members))
        raise TypeError(
            f"{code_of(part)} has no {' and no '.join(absent)}. It must have {required}: implement "
            f"genkit.api.{interface.__name__}"
        )
    if not is_dataclass(part):
        raise TypeError(
            f"{code_of(part)} is not a dataclass. Decorate it with {decorator}: its fields are the keys of its table"
        )
    for name, remedy in _undeclared(type(part), members, decorator):
        raise TypeError(f'{code_of(part)}: "{name}" is not a field, so no recipe can set it. {remedy}')


def _members(interface: type) -> frozenset[str]:
    if is_protocol(interface):
        return get_protocol_members(interface)
    return frozenset(name for name in vars(interface) if not _is_private(name))


def _undeclared(kind: type, members: frozenset[str], decorator: str) -> Iterator[tuple[str, str]]:
    """Yield the attributes of a class that look like fields and are not, each with the remedy."""
    declared = {item.name for item in fields(kind)}
    for each in kind.__mro__[:-1]:
        annotations = get_annotations(each)
        for name, hint in annotations.items():
            if name not in declared and "ClassVar" not in str(hint) and not _is_private(name):
                yield name, f"Decorate {each.__qualname__} itself with {decorator}"
        for name, value in vars(each).items():
            plain = not hasattr(type(value), "__get__") and not isinstance(value, type)  # no method and no property
            if plain and name not in {*annotations, *members, *declared} and not _is_private(name):
                yield name, f"Annotate it ({name}: {type(value).__name__}), or a constant with ClassVar"


def _is_private(name: str) -> bool:
    return name.startswith("_") or name.isupper()
