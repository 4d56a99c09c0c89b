"""Plugins that cannot be used: why, and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from traceback import walk_tb
from typing import TYPE_CHECKING

from genkit.errors import UsageError
from genkit.part_code import line_of_part

if TYPE_CHECKING:
    from genkit.recipe.installed.registry import Owner


class NotLoaded(UsageError):
    """A part whose target cannot be imported."""

    what = ""  # the message without its advice, which is for users of the plugin

    @classmethod
    def of(cls, what: str, remedy: str) -> NotLoaded:
        """Return the error with an advice."""
        error = cls(f"{what} {remedy}")
        error.what = what
        return error


class WrongHooks(Exception):
    """A plugin whose version of the hooks does not fit; `remedy` says what helps."""

    def __init__(self, reason: str, remedy: str):
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True)
class Broken:
    """A plugin that could not be loaded, and the reason."""

    owner: Owner
    reason: str
    remedy: str = ""  # empty if the plugin has to be corrected

    @classmethod
    def by(cls, error: BaseException, owner: Owner) -> Broken:
        """Return the plugin that an error has stopped."""
        if isinstance(error, WrongHooks):
            return cls(owner, str(error), error.remedy)
        return cls(owner, reason_of(error))

    @property
    def text(self) -> str:
        """The reason, and the remedy if there is one."""
        return f"{self.reason}; {self.remedy}" if self.remedy else self.reason

    def __str__(self) -> str:
        """Name the entry point, the distribution and the reason."""
        return f'"{self.owner.plugin}" of {self.owner}: {self.text}'


def reason_of(error: BaseException) -> str:
    """Return the error of a plugin's code, with its last line in the plugin."""
    line = line_of_part(walk_tb(error.__traceback__))
    return f"{type(error).__name__}: {error}" + (f" ({line})" if line else "")
