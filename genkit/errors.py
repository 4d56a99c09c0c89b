"""Errors that genkit reports to the user: the place, what is wrong there, and whose part found it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import currentframe

OUT_OF_MEMORY = "out of memory"  # the beginning of the message, also in the output of another process


class GenkitError(Exception):
    """Base class of all errors whose message tells the user what to do. The command line exits with `exit_code`."""

    exit_code = 1
    alone = False  # one of several processes raised it, the others do not know of it, so it prints the message itself


class UsageError(GenkitError):
    """A wrong call, file or environment. Nothing has been trained or written."""

    exit_code = 2


class Unmet(GenkitError):
    """A recipe without mistakes that this machine cannot run, because it lacks something."""


class Unreadable(UsageError):
    """A file or folder that exists and cannot be read. Its content may be intact."""


class RunError(GenkitError):
    """A run that failed while it trained. Its last good checkpoint is kept."""


class ProcessLost(RunError):
    """A process of a run that another process has left alone: it crashed, or was killed."""


class PartFailed(RunError):
    """A part that failed while a run trained."""


class PartMistake(ValueError):
    """A mistake in the code of a part: it returns what its kind does not allow, or names what does not exist.

    genkit raises it. A plain `ValueError` of a part is a refusal instead: the part does not support its input.
    """


class Diverged(RunError):
    """A run with a value that is not finite. Resuming it would diverge again."""

    exit_code = 3


class Interrupted(GenkitError):
    """A run that was asked to stop and has saved a checkpoint."""

    exit_code = 130


class GenkitWarning(UserWarning):
    """Something that the user should know and that stops nothing. The command line prints it as one line."""


def warn_user(text: str) -> None:
    """Warn, with the line of the program that has called genkit as the place of the warning."""
    frame, level = currentframe(), 1
    while frame is not None and _is_between(str(frame.f_globals.get("__name__", ""))):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, GenkitWarning, stacklevel=level)


def _is_between(module: str) -> bool:
    """Return whether a module may be on the way from the user's program: genkit, or the decorators of a function."""
    return module.partition(".")[0] in ("genkit", "contextlib")


def reason_of(error: Exception) -> str:
    """Return what an error says: the message of genkit, or the class and the message of another."""
    return str(error) if isinstance(error, GenkitError) else f"{type(error).__name__}: {error}"


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
