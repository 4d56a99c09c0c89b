"""The option ``--html [FILE]``: a page for a browser, under a default name unless FILE follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

from genkit.cli.arguments.plain_command import PlainCommand
from genkit.cli.places.destination import Destination, destination
from genkit.errors import UsageError

OPTION = "--html"
ENDING = ".html"


def page_destination(given: str) -> Destination:
    """Return where a page goes: the default name in the working folder if nothing is given."""
    return destination(given, OPTION) if given else Destination(Path(), is_folder=True)


Html = Annotated[
    Destination | None,
    typer.Option(
        OPTION,
        metavar="[FILE]",
        parser=page_destination,
        help="Write a page for a browser. FILE ends in .html; --html=FOLDER/ chooses the folder only.",
    ),
]


class CommandWithPage(PlainCommand):
    """A command with the option ``--html``, whose value may be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments. What follows ``--html`` is its value only if it is the name of an HTML file."""
        self._after_option = [
            following for text, following in pairwise(args) if text == OPTION and not following.startswith("-")
        ]
        return super().parse_args(ctx, list(with_value(args)))

    def invoke(self, ctx: Any) -> Any:
        """Call the command. An error about a path after ``--html`` says how the folder of a page is given."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            for path in self._after_option:
                if str(error).startswith(f"{path}: "):
                    error.args = (f"{error} To write the page into a folder of that name, add {OPTION}={path}/.",)
            raise


def with_value(args: Sequence[str]) -> Iterator[str]:
    """Yield the arguments, with an empty value for an option ``--html`` that has none."""
    names = True
    for number, text in enumerate(args):
        names = names and text != "--"
        following = args[number + 1] if number + 1 < len(args) else ""
        if names and text == OPTION and (following.startswith("-") or not following.lower().endswith(ENDING)):
            yield f"{OPTION}="
        else:
            yield text
