"""``genkit resume RUN``: continue a run exactly where it stopped."""

from __future__ import annotations

from genkit.cli.arguments.options import Json, Processes, Quiet, RunPath, Threads, Workers
from genkit.launched import is_main_process, is_started_by_genkit, refuse_other_engines


def resume(
    run: RunPath,
    processes: Processes = 1,
    threads: Threads = None,
    workers: Workers = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Resume a run from its newest checkpoint, bit for bit.

    The results of a finished run are printed again. A run with --processes or --threads needs them again, because they
    are not keys of the recipe. So does one with --workers, which does not change its bits.
    """
    import torch

    from genkit.cli.launch import must_launch, train_on_processes
    from genkit.cli.places.inputs import print_remark
    from genkit.cli.show.show_run import print_finished_run
    from genkit.cli.training import train_and_print
    from genkit.console.output import Console
    from genkit.engine.batches import read_data
    from genkit.engine.distributed import World
    from genkit.engine.threads import choose_threads, remark_on_cores
    from genkit.engine.workers import choose_workers
    from genkit.recipe.machine.launcher_remarks import launcher_remarks
    from genkit.runs.on_disk.early_end import last_step
    from genkit.runs.on_disk.run_folder import RunFolder
    from genkit.runs.training.resume import check_before_resume, finished_results, plan_of_run
    from genkit.runs.training.resume_remarks import lost_lines, resume_remarks

    folder = RunFolder.open(run)
    plan = plan_of_run(folder)
    if (results := finished_results(folder, plan)) is not None:
        console = Console(quiet=quiet or json)
        console.info(f"{folder.path}: already finished, after {last_step(plan, folder)} steps.")
        console.remarks(*lost_lines(folder))
        print_finished_run(folder, plan, results, console, json)
        return
    refuse_other_engines()
    check_before_resume(folder, plan)
    read_data(plan)
    console = Console(silent=not is_main_process(), quiet=quiet or json)
    if not is_started_by_genkit():  # the command that started it has printed them
        console.remarks(*launcher_remarks(plan.recipe.train))
    launching = must_launch(plan, processes)
    count = choose_threads(plan, threads, processes if launching else 1).number
    if is_main_process() and not is_started_by_genkit():
        print_remark(remark_on_cores(count, processes if launching else 1))
    loading = choose_workers(plan, count, workers, processes if launching else None).number
    if launching:
        train_on_processes(folder, processes, count, loading, json, quiet)
        return
    world = World(plan.recipe.train.precision)
    torch.set_num_threads(count)
    if folder.saved_steps():
        console.remarks(*world.on_main(lambda: resume_remarks(folder, plan)))
    train_and_print(folder, plan, world, console, json, loading)
