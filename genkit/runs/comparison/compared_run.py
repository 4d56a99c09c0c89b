"""One run of a comparison, with what it has written to its folder so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from genkit.core.result import EvaluationRecord, Result
from genkit.errors import UsageError
from genkit.evaluation.data_fingerprint import same_images
from genkit.recipe.plan import Plan
from genkit.recipe.text.document import read
from genkit.runs.on_disk.model_facts import facts_in, step_of
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.run_progress import length_of, progress_of
from genkit.runs.on_disk.run_state import RunState, state_of
from genkit.runs.on_disk.timing import Timing, read_timing
from genkit.runs.report.report_about import meanings_of
from genkit.runs.report.report_remarks import plan_of
from genkit.runs.report.report_schedules import lines_of_curves
from genkit.runs.trained_models.collapse import Reconstructed, reconstructed_in
from genkit.runs.training.checkpoint import read_facts
from genkit.runs.training.evaluate_during_training import evaluations_of, newest_evaluation
from genkit.runs.training.resume_remarks import lost_lines


@dataclass(frozen=True)
class ComparedRun:
    """A run, finished or not, under a name that no other run of the comparison has."""

    name: str
    folder: RunFolder
    recipe: Mapping[str, Any]  # with all overrides and defaults
    lines: Sequence[Mapping[str, Any]]  # of metrics.jsonl
    evaluations: Sequence[EvaluationRecord]  # during training
    newest: EvaluationRecord | None  # the evaluation after the last step; of an unfinished run, the newest one

    @classmethod
    def read(cls, name: str, folder: RunFolder) -> ComparedRun:
        """Read a run from its folder. Raises `UsageError` if a file is damaged."""
        evaluations = evaluations_of(folder)
        newest = newest_evaluation(folder)
        return cls(name, folder, read(folder.resolved).tables, folder.lines(), evaluations, newest)

    @property
    def results(self) -> Sequence[Result]:
        """The results of the newest evaluation; empty if there is none."""
        return self.newest.results if self.newest else ()

    @cached_property
    def state(self) -> RunState:
        """The state of the run, that of `genkit ls`. Raises as `state_of`."""
        return state_of(self.folder)

    @cached_property
    def progress(self) -> str:
        """The state of the run and how far it is trained, in the terms of `genkit ls`. Raises as `progress_of`."""
        if self.folder.finished:
            return f"finished, step {step_of(self.folder.final)}"
        state, progress = self.state, progress_of(self.folder, self.recipe)
        if not progress.step and progress.saved is None:
            return str(state) if state is RunState.NOT_STARTED else f"{state}, no step logged or saved"
        share = f", {progress.step / progress.last:.0%} of the run" if progress.last else ""
        checkpoint = "no checkpoint" if progress.saved is None else f"checkpoint at step {progress.saved}"
        return f"{state}, step {progress.step}{share}, {checkpoint}"

    @cached_property
    def plan(self) -> Plan | None:
        """The plan of the recipe; None if its parts cannot be made here."""
        return plan_of(self.folder.resolved)

    @property
    def meanings(self) -> dict[str, str]:
        """What the terms and schedules of the loss mean, by name; empty if the plan cannot be made here."""
        return meanings_of(self.plan.loss if self.plan else None)

    @cached_property
    def curve_lines(self) -> Sequence[Mapping[str, Any]]:
        """The lines of the log, and those where a schedule bends in between, as far as the plan can be made here."""
        length = length_of(self.recipe, self.lines[-1]) if self.lines else None
        return lines_of_curves(self.lines, self.plan, length)

    @cached_property
    def reconstructed(self) -> Reconstructed | None:
        """What the end of the run has measured of its reconstructions; None before it, and without an encoder."""
        return reconstructed_in(facts_in(self.folder.final))

    @property
    def collapsed(self) -> bool:
        """Whether the run has ended with a model that has collapsed."""
        return self.reconstructed is not None and self.reconstructed.collapsed

    @cached_property
    def timing(self) -> Timing | None:
        """What training has taken up to the newest checkpoint."""
        return read_timing(self.folder)

    @property
    def totals(self) -> dict[str, float]:
        """The newest logged total of each phase, by key: ``encoder/total``."""
        return {key: line[key] for line in self.lines for key in line if key.endswith("/total")}

    @cached_property
    def lost_lines(self) -> Sequence[str]:
        """What the logs lack; empty if no checkpoint can be read."""
        try:
            return lost_lines(self.folder)
        except UsageError:
            return ()

    @cached_property
    def data_fingerprint(self) -> Mapping[str, Any]:
        """The fingerprint of the data in the newest checkpoint; empty if no checkpoint can be read."""
        try:
            return read_facts(self.folder.checkpoint(self.folder.saved_steps()[-1])).get("data") or {}
        except (IndexError, UsageError):
            return {}  # `genkit resume` reports a damaged checkpoint; a comparison does not need it

    def has_same_data(self, other: ComparedRun, split: str) -> bool:
        """Return whether a split is the same in both runs: the same images, or else equal tables [data]."""
        same = same_images(self.data_fingerprint, other.data_fingerprint, split)
        return self.recipe.get("data", {}) == other.recipe.get("data", {}) if same is None else same

    def metric_of(self, label: str) -> str:
        """Return the name of the metric with this label."""
        return self.recipe.get("metrics", {}).get(label, {}).get("use", label)

    def as_dict(self) -> dict[str, Any]:
        """Return where the run is and what it has done, in the types of JSON."""
        reconstructed = self.reconstructed
        return {
            "name": self.name,
            "path": str(self.folder.path),
            "finished": self.folder.finished,
            "state": str(self.state),
            "progress": self.progress,
            "totals": self.totals,
            "timing": self.timing and self.timing.as_dict(),
            "reconstructed_variance": reconstructed and {**reconstructed.as_dict(), "collapsed": self.collapsed},
        }
