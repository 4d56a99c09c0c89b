"""The keys that a part takes, read from its signature: names, types, defaults and `Doc` sentences."""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from enum import Enum, auto
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from genkit.core.constant_schedule import ConstantSchedule
from genkit.core.dataset import Dataset
from genkit.core.field_types import Doc
from genkit.core.metric import Extractor
from genkit.core.model import NetworkBuilder
from genkit.core.score import Score
from genkit.core.types import Divergence, ReconstructionError, Schedule
from genkit.recipe.tables import Use

KIND_OF_HINT: dict[Any, str] = {
    Schedule: "schedules",
    Divergence: "divergences",
    Extractor: "extractors",
    ReconstructionError: "errors",
    Score: "scores",
    Dataset: "datasets",
    NetworkBuilder: "models",
}
SUPPLIED = {"models": ("data_shape",), "priors": ("latent_dim",)}  # parameters that no recipe sets, by kind
SUPPLIERS = {"data_shape": "data set", "latent_dim": "network"}

Part = TypeVar("Part")


class Parameter(NamedTuple):
    """One key that a part takes."""

    hint: Any
    default: Any
    required: bool
    doc: str = ""  # the sentence of its `Doc`; empty without one
    completed: bool = False  # whether the default has schedules in place of numbers, so that a part must be given it


@cache
def parameters_of(target: Callable[..., Any]) -> dict[str, Parameter]:
    """Return the parameters of a class or function by name.

    Raises `TypeError`, `ValueError` or `NameError` for a signature or a type hint that cannot be read.
    """
    hints = get_type_hints(target if is_dataclass(target) else _initialiser(target), include_extras=True)
    made = {item.name: item.default_factory() for item in _fields(target) if item.default_factory is not MISSING}
    return {
        name: _parameter(name, hints.get(name, Any), made.get(name, parameter.default))
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    }


def _parameter(name: str, hint: Any, default: Any) -> Parameter:
    _refuse_part_or_value(name, without_none(without_doc(hint)))
    if default is inspect.Parameter.empty:
        return Parameter(without_doc(hint), default, True, doc_of(hint))
    completed = _with_schedule(name, without_doc(hint), default)
    return Parameter(without_doc(hint), completed, False, doc_of(hint), completed is not default)


def _refuse_part_or_value(name: str, hint: Any) -> None:
    """Raise `TypeError` for a type such as ``Schedule | float``: no recipe could write the part."""
    choices = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else ()
    if kinds := [kind_of(choice) for choice in choices if kind_of(choice)]:
        part = next(_unbounded(choice).__name__ for choice in choices if kind_of(choice))
        why = ", since a number in a recipe becomes a constant schedule" if kinds == ["schedules"] else ""
        raise TypeError(f"{name} takes {part} or a value of another type; write {part} alone{why}")


def _with_schedule(name: str, hint: Any, value: Any) -> Any:
    """Return a constant schedule for a number where a schedule is expected, and any other value unchanged.

    The fields of a part are treated alike. Raises `TypeError` for what is neither a number nor a schedule.
    """
    kind = kind_of(hint)
    if kind == "schedules" and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise TypeError(f"the default of {name} is {value}; give a finite number or a schedule")
        return ConstantSchedule(float(value))
    if kind == "schedules" and value is not None and not callable(value):
        raise TypeError(f"the default of {name} is {value!r}; give a number, such as 1.0, or a schedule")
    return value if not kind or value is None else with_schedules(value)


def with_schedules(part: Part) -> Part:
    """Return a part whose schedules are no numbers, as a recipe makes it: each number becomes a constant schedule.

    It is the part itself if it has no such number. Raises `TypeError` for a key that takes a schedule and has neither.
    """
    if not is_dataclass(part) or isinstance(part, type):
        return part
    hints = {name: parameter.hint for name, parameter in parameters_of(type(part)).items() if hasattr(part, name)}
    given = {name: getattr(part, name) for name in hints}
    changed = {name: _with_schedule(name, hint, given[name]) for name, hint in hints.items()}
    changed = {name: value for name, value in changed.items() if value is not given[name]}
    return replace(part, **changed) if changed else part


def _fields(target: Any) -> tuple[Field[Any], ...]:
    return fields(target) if is_dataclass(target) else ()


def _initialiser(target: Any) -> Any:
    return target.__init__ if inspect.isclass(target) else target


def doc_of(hint: Any) -> str:
    """Return the sentence of the `Doc` in a type hint; empty without one."""
    return next((extra.documentation for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Doc)), "")


def without_doc(hint: Any) -> Any:
    """Return a type hint without its `Doc`."""
    if get_origin(hint) is not Annotated or not doc_of(hint):
        return hint
    kept = tuple(extra for extra in hint.__metadata__ if not isinstance(extra, Doc))
    return Annotated[(hint.__origin__, *kept)] if kept else hint.__origin__


def without_none(hint: Any) -> Any:
    """Return X for ``X | None``. An optional key is left out of a recipe, since TOML has no null."""
    if get_origin(hint) in (Union, types.UnionType):
        others = [choice for choice in get_args(hint) if choice is not type(None)]
        return others[0] if len(others) == 1 else Union[tuple(others)]  # noqa: UP007, made at run time
    return hint


def kind_of(hint: Any) -> str:
    """Return the kind of the part that a key of this type takes, optional or not; empty if it takes a value."""
    return KIND_OF_HINT.get(_unbounded(without_none(hint)), "")


def bounds_of(hint: Any) -> tuple[Any, ...]:
    """Return the bounds of the values of a schedule, such as ``Annotated[Schedule, Ge(0)]``; none of other types."""
    hint = without_none(hint)
    bounded = get_origin(hint) is Annotated and kind_of(hint) == "schedules"
    return tuple(hint.__metadata__) if bounded else ()


def without_bounds(hint: Any) -> Any:
    """Return the type of a number or of a schedule without its bounds, and any other type as `without_none` does."""
    hint = without_none(hint)
    return _unbounded(hint) if _unbounded(hint) in (int, float) or bounds_of(hint) else hint


def _unbounded(hint: Any) -> Any:
    return hint.__origin__ if get_origin(hint) is Annotated else hint


class Form(Enum):
    """The forms that a value takes in a recipe."""

    PART = auto()  # a name, or a table with `use`; its kind is `kind_of`
    USE = auto()  # a table with `use`, which is bound later
    USES = auto()  # tables by name, each a USE
    TABLE = auto()  # a table with the keys of a dataclass
    TABLES = auto()  # tables by name, each a TABLE
    VALUE = auto()  # a number, a string, a list, ...


def form_of(hint: Any) -> Form:
    """Return the form in which a recipe writes a value of this type, which is not optional."""
    if kind_of(hint):
        return Form.PART
    if hint is Use:
        return Form.USE
    if get_args(hint)[-1:] == (Use,):
        return Form.USES
    if isinstance(hint, type) and is_dataclass(hint):
        return Form.TABLE
    if get_origin(hint) is Mapping and is_dataclass(get_args(hint)[1]):
        return Form.TABLES
    return Form.VALUE
