"""``genkit figures RUN``: the figures of a finished run again."""

from __future__ import annotations

from genkit.cli.options import RunPath
from genkit.storage.os_errors import describe_os_error


def figures(run: RunPath) -> None:
    """Draw the figures of a finished run again, as at its end: samples, reconstructions, stability strip, curves."""
    from genkit.errors import UsageError
    from genkit.recipe.plan import make_plan
    from genkit.runs.figures import save_figures
    from genkit.runs.run_folder import RunFolder
    from genkit.runs.trained import open_trained, refuse_other_data

    folder = RunFolder.open(run)
    plan = make_plan(folder.resolved, try_step=False)
    plan.check_met(resuming=True)
    trained = open_trained(folder.path)
    refuse_other_data(folder.path, plan.data)
    try:
        written = save_figures(plan, folder, trained.model, trained.weights, trained.noise)
    except OSError as error:
        raise UsageError(f"{folder.path}: cannot be written: {describe_os_error(error, folder.path)}.") from None
    print("\n".join(str(path) for path in written))
