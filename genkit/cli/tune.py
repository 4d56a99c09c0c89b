"""``genkit tune RECIPE --space SPACE``: search keys of a recipe for the best value of a metric."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genkit.cli.arguments.options import Json, Overrides, Quiet, RecipePath, Runs
from genkit.cli.completion.complete_paths import complete_space
from genkit.cli.places.writable import folder_to_write
from genkit.cli.table.options import Jobs, Threads
from genkit.storage.user_path import user_path

if TYPE_CHECKING:
    from genkit.console.output import Console
    from genkit.tables.train_missing import RunSettings
    from genkit.tuning.planning import SearchPlan
    from genkit.tuning.search_folder import SearchFolder
    from genkit.tuning.study import Study, TrialRecord


def tune(
    recipe: RecipePath,
    space: Annotated[
        Path,
        typer.Option(
            "--space",
            metavar="SPACE",
            parser=user_path,
            autocompletion=complete_space,
            help="Space file (TOML), or the name of a shipped space.",
        ),
    ],
    overrides: Overrides = None,
    jobs: Jobs = 1,
    threads: Threads = 1,
    runs: Runs = Path("runs"),
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            parser=folder_to_write("--out"),
            help="Folder of the search; by default searches/RECIPE-SPACE.",
        ),
    ] = None,
    dry: Annotated[
        bool, typer.Option("--dry", help="Print the trials so far and those that come next; train nothing.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try the trials that have failed again, with the same values.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search keys of a recipe for the best value of a metric.

    Each trial is a run for each seed. The same command continues a search that was stopped. The folder of the search
    has the recipe of the best trial and a picture.
    """
    import torch

    from genkit.console.output import Console
    from genkit.launched import refuse_other_engines
    from genkit.tables.train_missing import RunSettings
    from genkit.tuning.packages import require_packages
    from genkit.tuning.planning import plan_search
    from genkit.tuning.search_folder import SearchFolder

    require_packages()
    refuse_other_engines()
    torch.set_num_threads(threads)
    plan = plan_search(recipe, overrides or (), space)
    folder = SearchFolder(out or Path("searches") / f"{recipe.stem}-{plan.space.name}")
    console = Console(quiet=quiet or json)
    if dry:
        _print_trials(plan, folder, retry_failed, console, json)
    else:
        _search(plan, folder, retry_failed, RunSettings(runs, jobs, threads, console), json)


def _search(plan: SearchPlan, folder: SearchFolder, retry_failed: bool, settings: RunSettings, json: bool) -> None:
    """Train all trials that are missing, write the results of the search, and print them."""
    from genkit.errors import Interrupted, RunError
    from genkit.tuning.journal import open_study
    from genkit.tuning.report import conclusions
    from genkit.tuning.search import Search
    from genkit.tuning.search_folder import refused_if_unwritable
    from genkit.tuning.train_runs import ProcessTrainer

    console = settings.console
    plan.base.check_met()
    with folder.locked():
        study = open_study(plan, folder.journal, retry_failed=retry_failed)
        _print_search(plan, study, console)
        trainer = ProcessTrainer(settings)
        try:
            Search(plan, study, trainer, lambda record: _print_trial(plan, record, console)).run()
        except KeyboardInterrupt:  # while numbers are computed; training itself ends with `Interrupted`
            raise Interrupted("stopped; all trials so far are kept. Repeat the command to continue.") from None
        with refused_if_unwritable(folder.path):
            files = _write_results(plan, study, folder)
    _print_results(plan, study, files, console, json)
    if "recipe" not in files:
        raise RunError(next(iter(conclusions(plan, study.records))))


def _print_trials(plan: SearchPlan, folder: SearchFolder, retry_failed: bool, console: Console, json: bool) -> None:
    """Print the trials so far, and the next ones as far as they are known."""
    from genkit.tuning.foresight import next_trials
    from genkit.tuning.journal import copied_study

    study = copied_study(plan, folder.journal, retry_failed=retry_failed)
    records, (known, unknown) = study.records, next_trials(plan, study)
    _print_search(plan, study, console)
    if json:
        from genkit.tuning.report import as_json

        print(json_format.dumps(as_json(plan, [*records, *known], {})))
        return
    _print_table(plan, [*records, *known], console)
    if unknown:
        console.print(f"{unknown} more: their values depend on the results of the trials before them.")


def _print_search(plan: SearchPlan, study: Study, console: Console) -> None:
    from genkit.tuning.search import trials_of

    spec = plan.spec
    console.info(
        f"search    {spec.title}",
        f"metric    {spec.metric}, {plan.better} is better: {plan.protocol}",
        f"trials    {trials_of(plan)}, {sum(each.state != 'running' for each in study.records)} of them done; sampler "
        f"{spec.sampler}, pruner {spec.pruner}, seeds {', '.join(map(str, spec.seeds))}",
    )


def _print_trial(plan: SearchPlan, record: TrialRecord, console: Console) -> None:
    from genkit.tuning.ranking import number_text
    from genkit.tuning.report import settings_of

    reason = f" ({record.reason})" if record.reason and record.state != "pruned" else ""
    console.info(f"trial {record.number}  {settings_of(plan, record)}  {number_text(record)}{reason}")


def _print_table(plan: SearchPlan, records: list[TrialRecord], console: Console) -> None:
    from genkit.tuning.report import columns_of, rows_of

    console.table("trials", columns_of(plan), rows_of(plan, records))


def _write_results(plan: SearchPlan, study: Study, folder: SearchFolder) -> dict[str, str]:
    """Write the winning recipe and the picture, and return their paths. Raises `OSError`."""
    from genkit.tuning.ranking import Ranking, number_text
    from genkit.tuning.report import draw_search
    from genkit.tuning.winning_recipe import write_winning_recipe

    records = study.records
    ranking = Ranking.of(records, plan.better)
    draw_search(folder.picture, plan, records)
    files = {"picture": str(folder.picture)}
    if ranking.best is None:
        folder.recipe.unlink(missing_ok=True)  # of an earlier command
        return files
    remark = (
        f"Trial {ranking.best.number} of `genkit tune`, the best of {len(ranking.ranked)} numbers: {plan.spec.title}.\n"
        f"{plan.spec.metric} {number_text(ranking.best)}, seeds {', '.join(map(str, plan.spec.seeds))}."
    )
    write_winning_recipe(folder.recipe, plan, ranking.best, remark)
    return {"recipe": str(folder.recipe), **files}


def _print_results(plan: SearchPlan, study: Study, files: dict[str, str], console: Console, json: bool) -> None:
    from genkit.tuning.report import as_json, conclusions

    if json:
        print(json_format.dumps(as_json(plan, study.records, files)))
        return
    _print_table(plan, study.records, console)
    for line in (*conclusions(plan, study.records), *(f"{name:8}  {path}" for name, path in files.items())):
        console.print(line)
