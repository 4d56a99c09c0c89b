"""``genkit figures RUN``: the figures of a finished run, drawn again."""

from __future__ import annotations

import shlex

from genkit.cli.arguments.options import RunPath
from genkit.cli.places.outputs import refused_if_unwritable
from genkit.console.escapes import in_one_line


def figures(run: RunPath) -> None:
    """Draw the figures of a finished run again.

    They are drawn from the model folder, the data, the stability strip and the log of the run. The report of the run is
    written again with them.
    """
    from genkit.cli.places.inputs import print_remark
    from genkit.errors import UsageError
    from genkit.recipe.plan import make_plan
    from genkit.recipe.text.placed import placing_errors
    from genkit.runs.on_disk.run_folder import RunFolder
    from genkit.runs.on_disk.run_lock import HOW_TO_WRITE
    from genkit.runs.on_disk.trained_recipe import check_recipe_of_finished
    from genkit.runs.on_disk.unfinished import way_on
    from genkit.runs.report.write_report import renew_report
    from genkit.runs.trained_models.saved_model import find_model, without_checkpoint
    from genkit.runs.trained_models.trained import open_trained, refuse_other_data
    from genkit.runs.training.figures import save_figures
    from genkit.runs.training.resume_remarks import lost_lines

    folder = RunFolder.open(run)
    if not folder.finished:
        if not folder.saved_steps():
            raise without_checkpoint(run, "figures")
        sample = f"`genkit sample {shlex.quote(str(run))}` shows its newest checkpoint."
        raise UsageError(f"{run}: has not finished, so it has no figures yet. {way_on(folder)} {sample}")
    plan = make_plan(folder.resolved, try_step=False, trained=True)
    plan.check_met(resuming=True)
    check_recipe_of_finished(plan, folder)
    for remark in lost_lines(folder):
        print_remark(remark)
    trained = open_trained(folder.path)
    with refused_if_unwritable(folder.path, remedy=f" {HOW_TO_WRITE}"), placing_errors(plan.document):
        refuse_other_data(folder.path, find_model(folder.path), plan.data)
        written = save_figures(plan, folder, trained.model, trained.weights, trained.noise, print_remark)
    print("\n".join(map(in_one_line, written)))
    renew_report(folder, print_remark)
