"""``genkit eval RUN``: the metrics of a trained model, those of its recipe or others."""

from __future__ import annotations

import json as json_format
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from genkit.cli.arguments.options import Json, ModelToRead, Overrides, overrides_within
from genkit.cli.completion.complete_contents import complete_metrics
from genkit.cli.completion.complete_names import one_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genkit.core.metric import BatchNormMode
    from genkit.errors import RecipeError

LABEL = ("metrics", "LABEL")  # the path of a metric
OF_METRIC = "--metrics"  # the place of a key of a metric that the recipe lacks
NO_METRICS = "the recipe has no metrics. Compute one with --metrics NAME; `genkit plugins` lists them."
HOW_TO_SET = "To change a key of a metric for this evaluation only, use --set metrics.LABEL.KEY=VALUE."
MODES: dict[str, tuple[BatchNormMode, ...]] = {
    "running": ("running",),
    "batch": ("batch",),
    "recalibrated": ("recalibrated",),
    "all": ("running", "batch", "recalibrated"),
}


def evaluate(
    run: ModelToRead,
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            metavar="NAME,...",
            autocompletion=complete_metrics,
            help="Metrics to compute: labels of the run, or names; by default all labels.",
        ),
    ] = None,
    overrides: Overrides = None,
    batch_norm: Annotated[
        str,
        typer.Option(
            "--batch-norm",
            metavar="|".join(MODES),
            autocompletion=one_of(*MODES),
            help="Batch-norm statistics to use; by default those of each metric.",
        ),
    ] = "",
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="raw|ema",
            autocompletion=one_of("raw", "ema"),
            help="Weights to evaluate; by default those that the key `weights` of each metric names, raw without it.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Compute the metrics of a run. One that has not finished is evaluated at its newest checkpoint.

    Change or add a metric with --set metrics.LABEL.KEY=VALUE; [data] and seed can be changed, too. --weights replaces
    the key `weights` of all metrics but those that --set gives another. An exported folder is evaluated with the
    weights that it has. A number of raw weights says so if there are EMA weights, since pictures, scores and maps are
    of these. Nothing is written: results.json keeps the results of the run.
    The exit code is 1 if a metric is refused. Processes that torchrun or another launcher starts share the work.
    """
    from genkit.cli.places.inputs import print_remark
    from genkit.console.output import Console
    from genkit.engine.distributed import World
    from genkit.errors import Interrupted, RecipeError, UsageError
    from genkit.launched import announced_size, is_main_process
    from genkit.near_miss import near_miss
    from genkit.runs.results_report import print_results
    from genkit.runs.trained_models.evaluate_run import TABLES, evaluate_run, evaluation_plan
    from genkit.runs.trained_models.saved_model import find_model

    if batch_norm and batch_norm not in MODES:
        raise UsageError(f"--batch-norm {batch_norm}: unknown mode.{near_miss(batch_norm, MODES)}")
    names = None if metrics is None else [name.strip() for name in metrics.split(",") if name.strip()]
    try:
        changes = overrides_within(TABLES, overrides, "metrics.psnr.samples=100")
        plan = evaluation_plan(run.folder, changes, names, weights)
    except RecipeError as error:
        raise UsageError("\n".join((str(error), *_remedies(error)))) from None
    saved = find_model(run.folder)
    try:
        if is_main_process():
            print_remark(saved.remark)
        modes = MODES[batch_norm] if batch_norm else ()
        with World() if announced_size() > 1 else nullcontext() as world:
            results = evaluate_run(run.folder, plan, plan.recipe.seed, modes, world)
    except KeyboardInterrupt:
        raise Interrupted("stopped during the evaluation; nothing was written. Run the same command again.") from None
    if json and is_main_process():
        print_remark("" if results else f"{run}: {NO_METRICS}")
        print(json_format.dumps({"run": str(run), "results": [result.as_dict() for result in results]}))
    elif not json:
        console = Console(silent=not is_main_process())
        print_results(results, saved.shown_weights, console)
        if not results:
            console.print(f"{run}: {NO_METRICS}")
    if any(result.value is None for result in results):
        raise typer.Exit(1)  # so that a script notices a refused metric; the reason is among the results


def _remedies(error: RecipeError) -> Iterator[str]:
    """Yield how the keys of metrics are set for an evaluation, if any of them is wrong."""
    paths = [problem.place.path for problem in error.problems if problem.place.path[:1] == ("metrics",)]
    missing = [p.place.path for p in error.problems if p.place.file == OF_METRIC and len(p.place.path) > len(LABEL)]
    for path in missing:
        yield f"Set it with --set {'.'.join(path)}=VALUE; `genkit plugins show {path[1]}` describes the keys."
    if len(paths) > len(missing):
        yield HOW_TO_SET
