"""What genkit says when something is wrong: the place, what was found, what was expected, whose part said so."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class GenkitError(Exception):
    """A failure that the reader of its message can act on; `exit_code` is what the command line returns."""

    exit_code = 1


class UsageError(GenkitError):
    """The call, a file or an environment is wrong: nothing has been trained or written."""

    exit_code = 2


class RunError(GenkitError):
    """A run failed while it trained; its last good checkpoint is kept."""


class Diverged(RunError):
    """Training is no longer finite: to go on would come to the same end."""

    exit_code = 3


class Interrupted(GenkitError):
    """A run was asked to stop, and has saved."""

    exit_code = 130


@dataclass(frozen=True)
class Place:
    """Where in a recipe a thing stands: ``recipes/x.toml:14 [loss] beta_neg``."""

    file: str = "recipe"
    line: int | None = None
    path: tuple[str, ...] = ()
    option: str = ""  # which has changed a key of the table that is meant

    def __str__(self) -> str:
        """Name the file and line, the table and the key."""
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        where += f" and {self.option}" * bool(self.option)
        if not self.path:
            return where
        *table, key = self.path
        return f"{where} [{'.'.join(table)}] {key}" if table else f"{where} {key}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a recipe."""

    place: Place
    text: str
    owner: str = ""  # "genkit-torch-introvae 0.1.0", where a plugin's part says so

    def __str__(self) -> str:
        """Give all of it on one line."""
        return f"{self.place}: {self.text}" + (f" ({self.owner})" if self.owner else "")


class RecipeError(UsageError):
    """Everything that is wrong with a recipe, at once."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def near_miss(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean X?"`` for the closest known name, or else the list of what is known."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    if close:
        return f" Did you mean {' or '.join(close)}?"
    return f" Known: {', '.join(known)}." if known else ""
