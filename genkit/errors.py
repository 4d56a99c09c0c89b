"""Errors that genkit reports to the user: the place, what is wrong there, and whose part found it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb, walk_tb
from types import FrameType


class GenkitError(Exception):
    """Base class of all errors whose message tells the user what to do. The command line exits with `exit_code`."""

    exit_code = 1
    alone = False  # one of several processes raised it, the others do not know of it, so it prints the message itself


class UsageError(GenkitError):
    """A wrong call, file or environment. Nothing has been trained or written."""

    exit_code = 2


class Unreadable(UsageError):
    """A file or folder that exists and cannot be read. Its content may be intact."""


class RunError(GenkitError):
    """A run that failed while it trained. Its last good checkpoint is kept."""


class ProcessLost(RunError):
    """A process of a run that another process has left alone: it crashed, or was killed."""


class PartFailed(RunError):
    """A part that failed while a run trained."""


class Diverged(RunError):
    """A run with a value that is not finite. Resuming it would diverge again."""

    exit_code = 3


class Interrupted(GenkitError):
    """A run that was asked to stop and has saved a checkpoint."""

    exit_code = 130


@dataclass(frozen=True)
class Place:
    """Place of a key in a recipe: ``recipes/x.toml:14 [loss] beta_neg``."""

    file: str = "recipe"
    line: int | None = None
    path: tuple[str, ...] = ()  # names of the table, then the key: ("loss", "beta_neg")
    option: str = ""  # "--set", if that option changed a key of this table

    def __str__(self) -> str:
        """Return file and line, table, and key, on one line."""
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        where += f" and {self.option}" * bool(self.option)
        if not self.path:
            return where
        *table, key = self.path
        return f"{where} [{'.'.join(table)}] {key}" if table else f"{where} {key}"


@dataclass(frozen=True)
class Problem:
    """One mistake in a recipe."""

    place: Place
    text: str  # what is wrong and what to do
    owner: str = ""  # the plugin whose part reported it, such as "genkit-torch-introvae 0.1.0"; empty: genkit itself

    def __str__(self) -> str:
        """Return place, text and owner on one line."""
        return f"{self.place}: {self.text}" + (f" ({self.owner})" if self.owner else "")


class RecipeError(UsageError):
    """All problems of a recipe at once, one a line."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        super().__init__(self.problems)  # pickle and copy call the class with these arguments

    def __str__(self) -> str:
        """Return the problems, one a line."""
        return "\n".join(map(str, self.problems))


MOST_CLOSE = 5  # names that one message suggests


def near_miss(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean X?"`` with the known names closest to `name`, or else a list of all known names.

    Names that are equally close are all returned. Close means one edit for every three characters.
    """
    known = sorted(known)
    distances = {each: _distance_in_words(name, each) for each in known}
    least = min(distances.values(), default=0)
    if known and int(least) <= (len(name) + 1) // 3:
        return f" Did you mean {' or '.join([each for each in known if distances[each] == least][:MOST_CLOSE])}?"
    return f" Known: {', '.join(known)}." if known else ""


def _distance_in_words(name: str, known: str) -> float:
    """Return the edit distance of `name` from `known`, or half more from its beginning: ``bta`` is near ``beta_kl``.

    A beginning ends with a word, or is `name` itself.
    """
    name, known = name.lower().replace("_", "-"), known.lower().replace("_", "-")
    if len(name) > 2 * len(known) + 2:  # a long text is close to no name
        return len(name)
    words = known.split("-")
    beginnings = ["-".join(words[:number]) for number in range(1, len(words))]
    distances = [_edit_distance(name, known), *(_edit_distance(name, each) + 0.5 for each in beginnings)]
    return min([*distances, 1.5] if len(name) > 1 and known.startswith(name) else distances)


def _edit_distance(a: str, b: str) -> int:
    """Return how many insertions, deletions, replacements and swaps of neighbours turn `a` into `b`."""
    before, row = [0] * (len(b) + 1), list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y)))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                row[j] = min(row[j], older[j - 2] + 1)
    return row[-1]


# Places in the code of a part

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


def is_refusal(error: BaseException) -> bool:
    """Return whether an error is a `ValueError` that a part or genkit raised on purpose, with a text for the user.

    A `ValueError` of a library, or of a failed operation such as ``math.log(0)``, is a bug.
    """
    frames = [*walk_tb(error.__traceback__)]
    if not isinstance(error, ValueError) or not frames:
        return isinstance(error, ValueError)
    module = frames[-1][0].f_globals.get("__name__", "").partition(".")[0]
    line = extract_tb(error.__traceback__)[-1].line or "raise"  # without the source, believe the part
    return line.startswith("raise") and (module == "genkit" or module not in LIBRARIES)
