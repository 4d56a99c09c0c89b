"""Plan of a run that is continued, what is checked before, and the results of one that has finished."""

from __future__ import annotations

import shlex

from genkit.core.result import Result
from genkit.errors import RecipeError, UsageError
from genkit.recipe.plan import Plan, make_plan
from genkit.runs.on_disk.results import read_results
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.trained_recipe import check_recipe_of_checkpoint, check_recipe_of_finished
from genkit.runs.training.checkpoint import read_facts
from genkit.storage.listing import exists


def plan_of_run(folder: RunFolder) -> Plan:
    """Return the plan of a run to continue. It is also that of a finished run, whose results are shown again.

    Raises `RecipeError` for a recipe with mistakes, and `UsageError` with what its user can do instead if the run was
    trained with a loss before genkit refused its weights. A finished run is trained no more, so it is not
    refused for them.
    """
    try:
        return make_plan(folder.resolved)
    except RecipeError as error:
        try:
            plan = make_plan(folder.resolved, try_step=False, trained=True)
            saved = folder.saved_steps()
            if folder.finished:
                return plan
            if saved:
                check_recipe_of_checkpoint(plan, folder, read_facts(folder.checkpoint(saved[-1])))
        except UsageError:  # other mistakes, or the recipe has been changed
            raise error from None
        if not saved:
            raise
        raise UsageError(f"{error}\n{_instead(folder, error)}") from None


def _instead(folder: RunFolder, refused: RecipeError) -> str:
    """Return what can be done with a run that cannot be continued."""
    keys = dict.fromkeys(".".join(problem.place.path) for problem in refused.problems)
    changes = " ".join(f"--set {key}=VALUE" for key in keys)
    run, weights = shlex.quote(str(folder.path)), shlex.quote(f"{folder.path.name}-weights")
    return (
        f"{folder.path}: trained with this before genkit refused it, so it cannot be continued. Its newest checkpoint "
        "can be evaluated, drawn, scored, reported and exported as before. To train its weights further, start a new "
        f"run: `genkit export {run} --out {weights}`, then `genkit run {shlex.quote(str(folder.resolved))} {changes} "
        f"--set train.warm_start={weights}`."
    )


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
