"""A table of results as an object: what `genkit table show` prints, its page, and its text in other formats."""

from __future__ import annotations

from functools import partial
from os import PathLike
from pathlib import Path
from typing import Literal

from genkit.console.captured import html_of, text_of
from genkit.errors import UsageError
from genkit.notebook.arguments import checked_arguments
from genkit.notebook.messages import naming_arguments
from genkit.storage.atomic import write_file
from genkit.storage.os_errors import describe_os_error
from genkit.storage.user_path import user_path
from genkit.tables.formats import FORMATS
from genkit.tables.open_table import OpenTable
from genkit.tables.print_table import print_table
from genkit.tables.report_of_table import table_page


class ReadableTable:
    """A table of results. The representation is what `genkit table show` prints, also in a notebook.

    The kept results are read when the table is opened; nothing is trained.
    """

    def __init__(self, table: OpenTable):
        self._table = table
        self._results = table.results()

    @property
    def path(self) -> Path:
        """The table file."""
        return self._table.path

    @property
    def title(self) -> str:
        """The title of the table."""
        return self._table.spec.title

    @checked_arguments()
    def report(self, path: str | PathLike[str] | None = None) -> Path:
        """Write the table as one page of HTML, as `genkit table show --html` does, and return the path.

        The default is a file in the working folder with the name of the table, such as ``table1.html``. Raises
        `UsageError` if the file cannot be written.
        """
        place = Path(f"{self.path.stem}.html") if path is None else user_path(path)
        page = table_page(self._table)
        try:
            write_file(place, page)
        except OSError as error:
            raise UsageError(f"{place}: cannot be written: {describe_os_error(error, place)}.") from None
        return place

    @checked_arguments()
    def text(self, format: Literal["markdown", "latex", "csv"]) -> str:
        """Return the table as Markdown, LaTeX or CSV; CSV has the value of every seed in full precision.

        Raises `UsageError` for another format.
        """
        if format not in FORMATS:
            raise UsageError(f'text("{format}"): unknown format. Choose {", ".join(FORMATS)}.')
        return FORMATS[format](self._results)

    def __repr__(self) -> str:
        return text_of(partial(print_table, self._results))

    def _repr_html_(self) -> str:
        return html_of(partial(print_table, self._results))


@naming_arguments()
@checked_arguments()
def open_table(path: str | PathLike[str], cells: str | PathLike[str] | None = None) -> ReadableTable:
    """Return a table of results with its kept results; nothing is trained.

    Args:
        path: A table file, or the name of a shipped table, such as "table1".
        cells: The file of the kept results; by default the table file with the ending ``.json``.

    Raises `UsageError` with all mistakes of the table and of its recipes, and if the kept results cannot be read.
    """
    return ReadableTable(OpenTable(user_path(path), None if cells is None else user_path(cells)))
