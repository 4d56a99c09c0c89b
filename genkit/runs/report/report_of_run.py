"""What the page of a run shows, gathered from its folder: plain values, charts and pictures."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from genkit.console.quantities import duration, quantity
from genkit.core.result import EvaluationRecord
from genkit.draw.panels import Section
from genkit.errors import GenkitError
from genkit.evaluation.protocol_lines import ProtocolLine, shown_weights
from genkit.pages.pictures import PictureBudget
from genkit.recipe.plan import Plan
from genkit.runs.on_disk.failure import failure_of
from genkit.runs.on_disk.model_facts import facts_in
from genkit.runs.on_disk.resolved_recipe import tables_of_run
from genkit.runs.on_disk.results import read_results
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.run_progress import RunProgress, progress_of
from genkit.runs.on_disk.run_state import STRANGE_VALUE, RunState, state_of
from genkit.runs.on_disk.timing import read_timing
from genkit.runs.report.report_about import meanings_of
from genkit.runs.report.report_charts import (
    ChartGroup,
    CurveNumbers,
    chart_groups,
    curves_in_numbers,
    shown_sections,
)
from genkit.runs.report.report_codes import LatentSpace, latent_space_of
from genkit.runs.report.report_fitted import ShownFit, folders_of_fits, shown_fit
from genkit.runs.report.report_metrics import ShownMetric, metrics_of
from genkit.runs.report.report_phases import phase_starts
from genkit.runs.report.report_pictures import ReportPictures, pictures_of_report
from genkit.runs.report.report_recipe import ShownRecipe, shown_path, shown_recipe
from genkit.runs.report.report_remarks import (
    plan_of,
    remarks_on_absent,
    remarks_on_collapse,
    remarks_on_recipe,
    remarks_on_state,
    remarks_on_steps,
)
from genkit.runs.report.report_schedules import Lines, lines_of_curves
from genkit.runs.report.report_time import TimeShare, time_shares
from genkit.runs.results_report import protocols_of
from genkit.runs.training.checkpoint import read_facts
from genkit.runs.training.evaluate_during_training import evaluations_of, newest_evaluation
from genkit.storage.listing import exists

Value = TypeVar("Value")
NO_PROGRESS = RunProgress(0, None, None, None, None)
RESUMED = (RunState.NOT_STARTED, RunState.STOPPED, RunState.FAILED, RunState.INCOMPLETE)  # `genkit resume` goes on
ENVIRONMENT = ("genkit", "torch", "python", "machine", "processes", "threads")


@dataclass(frozen=True)
class RunReport:
    """A run as its page shows it."""

    title: str
    name: str  # of the run folder
    state: RunState
    facts: Mapping[str, str]  # in a line at the top
    remarks: Sequence[str]  # the state, what the plan remarks, and what is damaged or missing
    groups: Sequence[ChartGroup]
    numbers: Sequence[CurveNumbers]  # the curves of the charts
    latent_space: LatentSpace | None
    pictures: ReportPictures
    picture_remarks: Sequence[str]
    metrics: Sequence[ShownMetric]
    protocols: Sequence[ProtocolLine]  # how the metrics are made
    metrics_step: int | None
    times: Sequence[TimeShare]
    recipe: ShownRecipe | None
    environment: Mapping[str, str]
    parts: Sequence[str] = field(default=())  # a line for each part, with its owner
    fitted: Sequence[ShownFit] = ()  # the priors that were fitted to the codes afterwards
    resume: str = ""  # the command that continues the run; empty if there is nothing to continue

    @property
    def has_more_pictures(self) -> bool:
        """Whether there is a picture beside those of what the model makes."""
        return bool(self.pictures.others) or self.latent_space is not None


def report_of_run(folder: RunFolder, state: RunState | None = None) -> RunReport:
    """Read a run, finished or not. What cannot be read is left out, and a remark says so.

    `state` is that of a run which this process has just trained. Raises `UsageError` if there is no resolved recipe.
    """
    reader = _Reader()
    recipe = tables_of_run(folder.resolved)
    state = state or reader.read(folder.path, lambda: state_of(folder), RunState.DAMAGED)
    lines: Lines = reader.read(folder.metrics, folder.lines, [])
    evaluations: list[EvaluationRecord] = reader.read(folder.path, lambda: evaluations_of(folder), [])
    progress = reader.read(folder.path, lambda: progress_of(folder, recipe), NO_PROGRESS)
    newest = reader.read(folder.results, lambda: _newest_evaluation(folder, state, progress), None)
    failure = reader.read(folder.failed, lambda: failure_of(folder), None)
    diverged = state is RunState.FAILED and failure is not None and failure.diverged
    budget = PictureBudget()
    pictures = reader.read(folder.figures, lambda: pictures_of_report(folder, budget), ReportPictures())
    remarks = ["Damaged: some files cannot be read."] if state is RunState.DAMAGED else []
    remarks += remarks_on_state(state, progress, failure)
    remarks += remarks_on_steps(state, progress, pictures.newest, newest.step if newest else None)
    plan = reader.read(folder.resolved, lambda: plan_of(folder.resolved), None)
    remarks += remarks_on_recipe(plan) if plan else ()
    facts: dict[str, Any] = reader.read(folder.final, lambda: _newest_facts(folder), {})
    remarks += remarks_on_collapse(facts)
    remarks += reader.read(folder.path, lambda: list(remarks_on_absent(folder, state, facts)), [])
    bent = reader.read(folder.metrics, lambda: lines_of_curves(lines, plan, progress.steps), lines)
    sections: list[Section] = reader.read(folder.metrics, lambda: shown_sections(bent, evaluations, recipe), [])
    groups: list[ChartGroup] = reader.read(folder.metrics, lambda: _chart_groups(sections, lines, plan), [])
    if any(chart.notes for group in groups for chart in group.charts):
        remarks.append("Some logged values are not finite. The curves have gaps there, and a note below each says so.")
    return RunReport(
        title=str(recipe.get("title", folder.path.name)),
        name=folder.path.resolve().name,
        state=state,
        facts=reader.read(folder.resolved, lambda: _facts(folder, state, recipe, progress), {"state": str(state)}),
        groups=groups,
        numbers=reader.read(folder.metrics, lambda: curves_in_numbers(sections, bent), []) if groups else [],
        latent_space=reader.read(folder.figures, lambda: latent_space_of(folder, recipe), None),
        pictures=pictures,
        picture_remarks=budget.remarks,
        metrics=reader.read(
            folder.results,
            lambda: metrics_of(newest, evaluations, shown_weights(recipe), plan.metrics if plan else {}),
            [],
        ),
        protocols=reader.read(folder.results, lambda: protocols_of(newest.results) if newest else [], []),
        metrics_step=newest.step if newest else None,
        times=reader.read(folder.timing, lambda: time_shares(read_timing(folder)), ()),
        recipe=reader.read(folder.resolved, lambda: shown_recipe(folder, recipe), None),
        environment={name: str(facts[name]) for name in ENVIRONMENT if name in facts},
        parts=reader.read(folder.final, lambda: [str(part) for part in facts.get("parts", ())], ()),
        fitted=_fitted(folder, reader),
        resume="" if state not in RESUMED or diverged else f"genkit resume {shlex.quote(str(shown_path(folder.path)))}",
        remarks=[*remarks, *reader.remarks],  # the last, when all has been read
    )


class _Reader:
    """Reads what may be damaged, and keeps the remarks on what was."""

    def __init__(self) -> None:
        self.remarks: list[str] = []

    def read(self, place: Path, read: Callable[[], Value], instead: Value) -> Value:
        """Return what `read` returns; `instead`, with a remark, if it fails. `place` is what it reads first of all."""
        try:
            return read()
        except (GenkitError, OSError) as error:
            remark = str(error)
        except STRANGE_VALUE as error:
            remark = f"{place}: damaged ({str(error) or type(error).__name__})."
        if remark not in self.remarks:
            self.remarks.append(remark)
        return instead


def _chart_groups(sections: Sequence[Section], lines: Lines, plan: Plan | None) -> list[ChartGroup]:
    """Return the charts of sections, with the starts of phases and the meanings of terms that the plan knows."""
    starts = phase_starts(lines, plan.phases if plan else ())
    return chart_groups(sections, starts, meanings_of(plan.loss if plan else None))


def _fitted(folder: RunFolder, reader: _Reader) -> list[ShownFit]:
    """Return the fitted priors of a run; one that is damaged is left out with a remark."""
    paths: list[Path] = reader.read(folder.path, lambda: folders_of_fits(folder), [])
    fits = [reader.read(path, functools.partial(shown_fit, path, folder), None) for path in paths]
    return [fit for fit in fits if fit is not None]


def _newest_facts(folder: RunFolder) -> dict[str, Any]:
    """Return the facts of the newest weights: the environment and the parts; none before the first checkpoint."""
    if facts := facts_in(folder.final):
        return facts
    saved = folder.saved_steps()
    return read_facts(folder.checkpoint(saved[-1])) if saved else {}


def _newest_evaluation(folder: RunFolder, state: RunState, progress: RunProgress) -> EvaluationRecord | None:
    """Return the newest evaluation: that after the last step also of a run that has lost its model folder since."""
    all_trained = state is RunState.INCOMPLETE or (progress.last is not None and progress.logged >= progress.last)
    if not folder.finished and all_trained and exists(folder.results):
        return EvaluationRecord(progress.last or 0, read_results(folder.results))
    return newest_evaluation(folder)


def _facts(folder: RunFolder, state: RunState, recipe: Mapping[str, Any], progress: RunProgress) -> dict[str, str]:
    """Return the facts at the top of the page, by name."""
    length = recipe.get("train", {}).get("steps") or progress.steps
    timing = read_timing(folder)
    shown = {
        "state": str(state),
        "step": f"{progress.step} of {length}" if length else str(progress.step),
        "data": _name(recipe, "data"),
        "model": _name(recipe, "model"),
        "loss": _name(recipe, "loss"),
        "seed": str(recipe.get("seed", "")),
        "training time": duration(timing.seconds) if timing else "",
        "peak memory": quantity(timing.peak_memory, "B") if timing and timing.peak_memory else "",
    }
    return {name: text for name, text in shown.items() if text}


def _name(recipe: Mapping[str, Any], table: str) -> str:
    part = recipe.get(table, {})
    return str(part.get("use", "")) if isinstance(part, Mapping) else str(part)
