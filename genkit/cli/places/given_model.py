"""The model that a command only reads: a place on this machine, or a repository on the hub."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from genkit.cli.arguments.plain_command import PlainCommand
from genkit.errors import UsageError
from genkit.storage.listing import exists
from genkit.storage.names import RESOLVED
from genkit.storage.user_path import user_path


@dataclass(frozen=True)
class GivenModel:
    """A run, a model folder, an exported folder, or a repository ORG/NAME on the hub."""

    text: str  # as the user has typed it

    def __str__(self) -> str:
        """Return the text, which messages name."""
        return self.text

    @cached_property
    def folder(self) -> Path:
        """The folder on this machine, into which a model of the hub is downloaded first. Raises `UsageError`."""
        from genkit.sharing.pull import find_folder

        return find_folder(self.text)

    def output(self, name: str) -> Path:
        """Return the default place of the files `name` of a command.

        It is in the run, or in the model folder. An exported folder and the cache of the hub stay as they are: the
        place is in the working folder, and its name begins with that of the model. Raises `UsageError`.
        """
        from genkit.storage.exported_weights import is_exported_only
        from genkit.storage.weights import model_folder

        exported = is_exported_only(model_folder(self.folder)) and not exists(self.folder / RESOLVED)
        return Path(f"{self._name}-{name}") if exported else self.folder / name

    def in_words(self, message: str) -> str:
        """Return a message with the name of a model of the hub in place of its folder in the cache."""
        found = vars(self).get("folder")  # not downloaded for a message
        return message if found in (None, user_path(self.text)) else message.replace(str(found), self.text)

    @property
    def _name(self) -> str:
        """The name of the repository or of the exported folder; with that of the run if the folder is in one."""
        place = user_path(self.text).resolve()
        return f"{place.parent.name}-{place.name}" if exists(place.parent / RESOLVED) else place.name


class CommandWithModel(PlainCommand):
    """A command with the argument RUN, a model. Its messages name a model of the hub, not the folder of the cache."""

    def invoke(self, ctx: Any) -> Any:
        """Call the command. Raises what it raises."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            if type(error) is not UsageError:
                raise
            given: GivenModel = ctx.params["run"]
            raise UsageError(given.in_words(str(error))) from None


def given_model(text: str) -> GivenModel:
    """Return the model that a user names. Raises `UsageError` for a text that is no path."""
    user_path(text)
    return GivenModel(text)
