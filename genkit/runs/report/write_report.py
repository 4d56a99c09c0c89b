"""The page of a run, report.html: written on demand, and by the run itself when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from genkit.engine.distributed import World
from genkit.errors import GenkitError, UsageError
from genkit.pages.render import render_page
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.run_state import RunState, unlocked_state_of
from genkit.runs.report.report_of_run import RunReport, report_of_run
from genkit.storage.atomic import write_file
from genkit.storage.listing import exists

TEMPLATE = "run.html.jinja"


def report_page(folder: RunFolder, state: RunState | None = None) -> bytes:
    """Return the page of a run as HTML in UTF-8. Raises `UsageError` as `report_of_run`."""
    return page_of(report_of_run(folder, state))


def page_of(report: RunReport) -> bytes:
    """Return the page of a report. It has the script of charts only if it has charts."""
    title = f"{report.title}: {report.name}"
    has_charts = bool(report.groups) or report.latent_space is not None
    return render_page(TEMPLATE, title, {"report": report}, charts=has_charts)


def write_report(folder: RunFolder, path: Path | None = None, state: RunState | None = None) -> Path:
    """Write the page of a run, by default to report.html in its folder; return the path.

    Raises `UsageError` as `report_of_run`, and `OSError`.
    """
    path = path or folder.report
    write_file(path, report_page(folder, state))
    return path


def write_absent_report(folder: RunFolder) -> bool:
    """Write the report of a run whose processes were stopped before they could, for example while they started.

    Return whether there was none.
    """
    if exists(folder.report):
        return False
    with suppress(GenkitError, OSError):  # a by-product: the error of the training says more
        write_report(folder)
    return True


def renew_report(folder: RunFolder, remark: Callable[[str], object]) -> None:
    """Write the report of a run again, if it has one, after a command has changed what it shows.

    As at the end of a run, an error becomes a `remark`: the report is a by-product.
    """
    if exists(folder.report):
        with _remarked(folder, remark):
            write_report(folder)


@contextmanager
def _remarked(folder: RunFolder, remark: Callable[[str], object]) -> Iterator[None]:
    """Turn any error of writing a report into a remark."""
    try:
        yield
    except Exception as error:  # whatever a page, a picture or a library raises
        text = str(error) or type(error).__name__
        remark(f"{folder.report}: not written: {text}. `genkit report {folder.path}` tries again.")


@contextmanager
def report_at_end(folder: RunFolder, world: World, remark: Callable[[str], object]) -> Iterator[None]:
    """Write the report when the block ends, finished, stopped, also before the first step, or failed.

    The main process does so. The block holds the lock of the run, so the state is that without the lock.

    A report is a by-product: an error of its writing becomes a `remark`, and the run ends as it would have ended.
    """
    wrong_call = False
    try:
        yield
    except UsageError:  # nothing was trained
        wrong_call = True
        raise
    finally:
        if world.is_main and not wrong_call and exists(folder.resolved):
            with _remarked(folder, remark):
                write_report(folder, state=unlocked_state_of(folder))
