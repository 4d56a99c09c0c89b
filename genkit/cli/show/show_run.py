"""The printed end of a run: its results, its files and the next commands."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from genkit.cli.show.show_next import next_commands
from genkit.cli.show.show_picture import show_samples
from genkit.console.escapes import in_one_line
from genkit.console.output import Console
from genkit.core.result import Result
from genkit.evaluation.protocol_lines import shown_weights
from genkit.recipe.plan import Plan
from genkit.runs.on_disk.early_end import early_end_of, last_step
from genkit.runs.on_disk.model_facts import facts_in, step_of
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.step_names import name_of_step
from genkit.runs.on_disk.timing import read_timing
from genkit.runs.results_report import print_results
from genkit.runs.trained_models.collapse import FACT, reconstructed_in
from genkit.runs.training.evaluate_during_training import evaluations_of
from genkit.runs.training.stability_strip import newest_row
from genkit.runs.training.training_remark import remark_on
from genkit.storage.listing import exists


def print_finished_run(folder: RunFolder, plan: Plan, results: list[Result], console: Console, as_json: bool) -> None:
    """Print the results of a finished run, its pictures and folders, and the next commands; or all as JSON."""
    timing, end, remark = read_timing(folder), early_end_of(folder), remark_on(plan, folder.lines())
    reconstructed = reconstructed_in(facts_in(folder.final))
    if as_json:
        facts = {"run": str(folder.path), "results": [result.as_dict() for result in results]}
        early = {} if end is None else {"stopped": asdict(end)}
        remarks: dict[str, Any] = {} if remark is None else {"remark": remark}
        remarks |= {} if reconstructed is None else {FACT: reconstructed.with_remark()}
        print(json.dumps({**facts, "timing": timing and timing.as_dict(), **early, **remarks}))
        return
    print_results(results, shown_weights(plan.document.tables), console)
    if (row := newest_row(folder)) is not None:
        show_samples(row.samples, console, f"samples   step {row.step}")
    pictures = sorted(folder.samples.glob(f"{name_of_step(last_step(plan, folder))}*.png"))
    pictures += [*sorted(folder.figures.glob("*.png")), folder.curves]
    console.info("pictures  " + "\n          ".join(map(in_one_line, pictures)))
    if exists(folder.report):
        console.info(f"report    {folder.report}")
    if timing is not None:
        console.info(f"training  {timing}")
    if end is not None:
        console.prose(f"after step {end.step} of {plan.steps}: {end.reason}", "stopped   ")
    if remark is not None:
        console.prose(remark, "remark    ")
    if reconstructed is not None and reconstructed.remark:
        console.prose(reconstructed.remark, "remark    ")
    console.print(f"run       {in_one_line(folder.path)}")
    if plan.recipe.evaluate is not None and (label := plan.recipe.evaluate.best) is not None:
        console.print(f"best      {describe_best(folder, label)}")
    console.info("next      " + "\n          ".join(next_commands(folder, plan)))


def describe_best(folder: RunFolder, label: str) -> str:
    """Return the model folder of the best step by a metric, or why there is none: every evaluation was refused."""
    if (step := step_of(folder.best)) is not None:
        return f"{folder.best}, step {step} by {label}"
    evaluations = evaluations_of(folder)
    results = (result for evaluation in reversed(evaluations) for result in evaluation.results)
    reason = next((result.reason for result in results if result.label == label), "")
    return f"none: all {len(evaluations)} evaluations of {label} were refused; the last one because {reason}"
