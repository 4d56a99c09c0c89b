"""``genkit resume RUN``: continue a run exactly where it stopped."""

from __future__ import annotations

from genkit.cli.options import Json, Processes, Quiet, RunPath


def resume(run: RunPath, processes: Processes = 1, json: Json = False, quiet: Quiet = False) -> None:
    """Resume a run from its newest checkpoint, bit for bit.

    The results of a finished run are printed again. A run on several processes needs --processes again, because the
    number is not a key of the recipe.
    """
    from genkit.cli.launch import launch_if_several
    from genkit.cli.show_run import print_finished_run
    from genkit.cli.training import train_and_print
    from genkit.console.output import Console
    from genkit.engine.batches import read_data
    from genkit.engine.distributed import World
    from genkit.evaluation.compute_metrics import read_results
    from genkit.recipe.plan import make_plan
    from genkit.runs.checkpoint import changed_environment
    from genkit.runs.run_folder import RunFolder

    folder = RunFolder.open(run)
    plan = make_plan(folder.resolved)
    saved = folder.saved_steps()
    if folder.finished and (folder.results.exists() or not saved):
        console = Console(quiet=quiet or json)
        results = read_results(folder.results)
        console.info(f"{folder.path}: already finished, after {plan.steps} steps.")
        print_finished_run(folder, plan, results, console, json)
        return
    plan.check_met(resuming=bool(saved))
    read_data(plan)
    launch_if_several(plan, processes)
    world = World(plan.recipe.train.precision)
    console = Console(silent=not world.is_main, quiet=quiet or json)
    if saved:
        for difference in world.on_main(lambda: changed_environment(folder.checkpoint(saved[-1]))):
            console.info(f"the bits may differ from an uninterrupted run: {difference}")
    train_and_print(folder, plan, world, console, json)
