"""Places in the code of a part, for messages to its author: the class, the file and the line."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from linecache import getline
from pathlib import Path
from traceback import FrameSummary, extract_tb, walk_tb
from types import FrameType

from genkit.errors import PartMistake

LIBRARIES = {"genkit", "torch", "numpy", "accelerate", "pluggy", "pydantic", *sys.stdlib_module_names}


def line_of_part(frames: Iterable[tuple[FrameType, int]]) -> str:
    """Return the last of these lines that a part has: ``loss.py, line 12``; empty if genkit and libraries have all."""
    lines = [
        f"{Path(frame.f_code.co_filename).name}, line {number}"
        for frame, number in frames
        if _is_of_a_part(frame.f_globals.get("__name__", ""))
    ]
    return lines[-1] if lines else ""


def _is_of_a_part(module: str) -> bool:
    return module.startswith("genkit.parts.") or module.partition(".")[0] not in LIBRARIES


def line_of_definition(target: object) -> str:
    """Return where a class, a function, or the class of an object is defined; empty if unknown."""
    try:
        defined: object = target if inspect.isclass(target) or inspect.isroutine(target) else type(target)
        file, line = inspect.getsourcefile(defined), inspect.getsourcelines(defined)[1]  # type: ignore[arg-type]
    except (OSError, TypeError):  # made without a source file
        return ""
    return f"{Path(file).name}, line {line}" if file else ""


def code_of(target: object) -> str:
    """Return the name and the place of a class or function: ``my_plugin.loss.Focal (loss.py, line 12)``."""
    named: object = target if inspect.isclass(target) or inspect.isroutine(target) else type(target)
    name = f"{named.__module__}.{named.__qualname__}"  # type: ignore[attr-defined]
    if inspect.ismethod(named) and not inspect.isclass(named.__self__):  # perhaps inherited
        name = f"{type(named.__self__).__module__}.{type(named.__self__).__qualname__}.{named.__name__}"
    line = line_of_definition(target)
    return f"{name} ({line})" if line else name


def describe_bug(target: object, error: BaseException) -> str:
    """Return which class failed, the error, and its last line in a part.

    ``my_plugin.loss.Focal failed with RuntimeError: no such tensor (loss.py, line 20)``
    """
    line = line_of_part(walk_tb(error.__traceback__))
    name = code_of(target).partition(" (")[0] if line else code_of(target)
    return f"{name} failed with {type(error).__name__}: {error}" + (f" ({line})" if line else "")


def refuses_its_input(error: BaseException) -> bool:
    """Return whether an error says that a part does not support what it was given; other input may do.

    A `PartMistake` does not: the part is wrong whatever it is given.
    """
    return is_refusal(error) and not isinstance(error, PartMistake)


def is_refusal(error: BaseException) -> bool:
    """Return whether an error is a `ValueError` that a part or genkit raised on purpose, with a text for the user.

    A `ValueError` of a library, or of a failed operation such as ``math.log(0)``, is a bug.
    """
    frames = [*walk_tb(error.__traceback__)]
    if not isinstance(error, ValueError) or not frames:
        return isinstance(error, ValueError)
    module = frames[-1][0].f_globals.get("__name__", "").partition(".")[0]
    return _raises(extract_tb(error.__traceback__)[-1]) and (module == "genkit" or module not in LIBRARIES)


def _raises(last: FrameSummary) -> bool:
    """Return whether a `raise` failed there, also after a colon, as in ``if x < 0: raise ...``; True without source."""
    line = getline(last.filename, last.lineno or 0).encode()
    statement = line[last.colno :] if last.colno is not None else line.lstrip()  # colno counts bytes
    return not line or statement.startswith(b"raise")
