"""``genkit resume RUN``: go on exactly where a run stopped."""

from __future__ import annotations

from genkit.cli.options import Json, Processes, Quiet, RunPath


def resume(run: RunPath, processes: Processes = 1, json: Json = False, quiet: Quiet = False) -> None:
    """Go on with a run from its newest checkpoint, bit for bit as if it had not stopped."""
    from genkit.cli.launch import launch_if_several
    from genkit.cli.training import print_finished_run, train_in
    from genkit.console.output import Console
    from genkit.engine.batches import read_data
    from genkit.engine.distributed import World
    from genkit.evaluation.evaluate import read_results
    from genkit.recipe.plan import make_plan
    from genkit.runs.checkpoint import changed_environment
    from genkit.runs.run_folder import RunFolder

    folder = RunFolder.open(run)
    plan = make_plan(folder.resolved)
    saved = folder.saved_steps()
    if folder.finished and (folder.results.exists() or not saved):
        console = Console(quiet=quiet or json)
        results = read_results(folder.results)
        console.info(f"{folder.path} has already come to its end, after {plan.steps} steps.")
        print_finished_run(folder, plan, results, console, json)
        return
    plan.check_met(resuming=bool(saved))
    read_data(plan)
    launch_if_several(plan, processes)
    world = World(plan.recipe.train.precision)
    console = Console(silent=not world.is_main, quiet=quiet or json)
    if saved:
        for difference in world.on_main(lambda: changed_environment(folder.checkpoint(saved[-1]))):
            console.info(f"the run may not go on to the same bits: {difference}")
    train_in(folder, plan, world, console, json)
