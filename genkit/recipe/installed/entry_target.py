"""The class or function that the target of an `Entry` names."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from genkit.near_miss import near_miss


class NoSuchTarget(AttributeError):
    """A target whose module can be imported, and lacks the name; the text has the names that are close."""


def import_target(target: str) -> Any:
    """Import a target, ``module:name``.

    Raises `NoSuchTarget` if the module lacks the name, and whatever the module raises.
    """
    module_name, _, name = target.partition(":")
    module = importlib.import_module(module_name)
    try:
        return getattr(module, name)
    except AttributeError as error:
        defined = {key: each for key, each in vars(module).items() if inspect.isclass(each) or inspect.isroutine(each)}
        own = [key for key, each in defined.items() if getattr(each, "__module__", "") == module_name]  # not imported
        raise NoSuchTarget(f"{module_name} has no {name}.{near_miss(name, own)}".rstrip(".")) from error
