"""What is checked before a run is continued, and the results of one that has finished."""

from __future__ import annotations

from genkit.core.result import Result
from genkit.recipe.plan import Plan
from genkit.runs.on_disk.results import read_results
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.trained_recipe import check_recipe_of_checkpoint, check_recipe_of_finished
from genkit.runs.training.checkpoint import read_facts
from genkit.storage.listing import exists


def finished_results(folder: RunFolder, plan: Plan) -> list[Result] | None:
    """Return the results of a finished run; None if the run goes on, be it to compute lost results again.

    Raises `UsageError` if its recipe differs from the one that it was trained with, or if the results are damaged.
    """
    if not folder.finished or not (exists(folder.results) or not folder.saved_steps()):
        return None
    check_recipe_of_finished(plan, folder)
    return read_results(folder.results)


def check_before_resume(folder: RunFolder, plan: Plan) -> None:
    """Raise `UsageError` if something is missing, or if the recipe has changed since the newest checkpoint.

    It is called before data are prepared and processes are started. The run checks it again.
    """
    saved = folder.saved_steps()
    plan.check_met(resuming=bool(saved))
    if saved:
        check_recipe_of_checkpoint(plan, folder, read_facts(folder.checkpoint(saved[-1])))
