"""``genkit eval RUN``: the metrics of a trained model, again or others."""

from __future__ import annotations

import json as json_format
from typing import Annotated

import typer

from genkit.cli.options import FinishedRun, Json, Overrides, only
from genkit.core.metric import BatchNormMode

READ = ("metrics", "data", "seed")  # what an evaluation reads of a recipe; the rest is as it was trained
HOW_TO_SET = "A key of a metric is set, for this evaluation alone, with --set metrics.LABEL.KEY=VALUE."
MODES: dict[str, tuple[BatchNormMode, ...]] = {
    "running": ("running",),
    "batch": ("batch",),
    "recalibrated": ("recalibrated",),
    "all": ("running", "batch", "recalibrated"),
}


def evaluate(
    run: FinishedRun,
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", metavar="NAME,...", help="These alone: labels of the run, or metrics by name."),
    ] = None,
    overrides: Overrides = None,
    batch_norm: Annotated[
        str, typer.Option("--batch-norm", metavar="|".join(MODES), help="Whose statistics normalise.")
    ] = "",
    json: Json = False,
) -> None:
    """Compute the metrics of a finished run; `--set metrics.LABEL.KEY=VALUE` changes or adds one."""
    from genkit.cli.show_results import print_results
    from genkit.console.output import Console
    from genkit.errors import Interrupted, RecipeError, UsageError, near_miss
    from genkit.runs.evaluate_trained import evaluate_run, evaluation_plan

    if batch_norm and batch_norm not in MODES:
        raise UsageError(f"--batch-norm {batch_norm}: is no mode.{near_miss(batch_norm, MODES)}")
    names = None if metrics is None else [name.strip() for name in metrics.split(",") if name.strip()]
    try:
        plan = evaluation_plan(run, only(READ, overrides, "an evaluation", "metrics.psnr.samples=100"), names)
    except RecipeError as error:
        of_metrics = any(problem.place.path[:1] == ("metrics",) for problem in error.problems)
        raise UsageError(f"{error}\n{HOW_TO_SET}" if of_metrics else str(error)) from None
    try:
        results = evaluate_run(run, plan, plan.recipe.seed, MODES[batch_norm] if batch_norm else ())
    except KeyboardInterrupt:
        raise Interrupted("stopped while numbers were computed; the same command computes them all.") from None
    if json:
        print(json_format.dumps({"run": str(run), "results": [result.as_dict() for result in results]}))
    else:
        console = Console()
        print_results(results, console)
        if not results:
            console.print("The recipe asks for no metric; --metrics NAME computes one. `genkit plugins` lists them.")
    if any(result.value is None for result in results):
        raise typer.Exit(1)  # refused, with the reason among the results: a script must not go on without the number
