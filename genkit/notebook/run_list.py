"""The runs of a folder as an object."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from os import PathLike
from typing import Literal, overload

from genkit.console.captured import html_of, text_of
from genkit.errors import UsageError
from genkit.near_miss import near_miss
from genkit.notebook.arguments import checked_arguments
from genkit.notebook.numbers import checked_index
from genkit.runs.listing import list_runs as of_folder
from genkit.runs.listing.run_summary import RunSummary
from genkit.runs.listing.runs_report import print_runs
from genkit.runs.listing.sort_key import SortKey
from genkit.storage.user_path import user_path


class RunList(Sequence[RunSummary]):
    """Summaries of runs, in the order that was asked for. `genkit.open_run` opens one."""

    def __init__(self, summaries: Sequence[RunSummary]):
        self._summaries = tuple(summaries)

    @overload
    def __getitem__(self, index: int) -> RunSummary: ...
    @overload
    def __getitem__(self, index: slice) -> RunList: ...
    def __getitem__(self, index: int | slice) -> RunSummary | RunList:
        """Return a summary, or a shorter list. Raises `IndexError`, and `UsageError` for what is no index."""
        if isinstance(index, slice):
            return RunList(self._summaries[index])
        advice = "genkit.open_run opens a run by its folder"
        return self._summaries[checked_index(index, len(self), "the list", "run", advice)]

    def __len__(self) -> int:
        return len(self._summaries)

    def __repr__(self) -> str:
        return text_of(partial(print_runs, self._summaries)) or "no runs"

    def _repr_html_(self) -> str:
        return html_of(partial(print_runs, self._summaries)) or "no runs"


@checked_arguments()
def list_runs(
    folder: str | PathLike[str] = "runs",
    sort: Literal["name", "recipe", "step", "state", "metric", "age"] = "name",
    *,
    reverse: bool = False,
) -> RunList:
    """Return summaries of the runs in a folder: path, title, step, state, main metric and start, as `genkit ls` shows.

    The longest, best and youngest runs come first, unless `reverse`. Raises `UsageError` if the folder cannot be
    listed, or for an unknown order.
    """
    try:
        key = SortKey(sort)
    except ValueError:
        raise UsageError(f"sort = {sort!r}: unknown.{near_miss(str(sort), SortKey)}") from None
    return RunList(of_folder.list_runs(user_path(folder), key, reverse=reverse))
