"""The remarks at the top of a report: the state of the run, which step each part of it is of, and what is absent."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genkit.errors import GenkitError
from genkit.recipe.plan import Plan, make_plan
from genkit.runs.on_disk.failure import Failure
from genkit.runs.on_disk.pictures_of_run import is_drawable, previews_of
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.run_progress import RunProgress
from genkit.runs.on_disk.run_state import RunState, in_words
from genkit.runs.trained_models.collapse import reconstructed_in
from genkit.runs.training.resume_remarks import lost_lines
from genkit.storage.listing import exists
from genkit.storage.names import RAW

ENDED = (RunState.FINISHED, RunState.INCOMPLETE)  # every step is trained


def remarks_on_state(state: RunState, progress: RunProgress, failure: Failure | None) -> Iterator[str]:
    """Yield the state in the words of `genkit ls`, and what that means for the page."""
    if words := in_words(state, progress, failure):
        after = f" after step {failure.step}" if state is RunState.FAILED and failure is not None else ""
        colon = "" if state is RunState.STOPPED else ":"  # "Stopped after step 3 of 9"
        yield f"{state.capitalize()}{after}{colon} {words.rstrip('.')}."
    if state is RunState.RUNNING:
        yield "This page shows what the run had written when the page was made."
    if progress.end is not None:
        yield f"A callback ended the run after step {progress.end.step}: {progress.end.reason}"


def remarks_on_steps(state: RunState, progress: RunProgress, drawn: int | None, evaluated: int | None) -> Iterator[str]:
    """Yield of which step the curves, the pictures and the metrics of an interrupted run are, if they differ.

    `drawn` and `evaluated` are the steps of the newest picture and evaluation. A resume deletes what is later than its
    checkpoint. The state of a stopped run names its checkpoint already.
    """
    if state not in (RunState.STOPPED, RunState.FAILED):
        return
    steps = {"the curves": progress.logged or None, "the newest pictures": drawn, "the metrics": evaluated}
    known = {name: step for name, step in steps.items() if step is not None}
    saved = progress.saved or 0
    if all(step == saved for step in known.values()):
        return
    parts = [f"{name} {'end at' if name == 'the curves' else 'are of'} step {step}" for name, step in known.items()]
    if state is RunState.FAILED or len(set(known.values())) == 1:
        parts += ["there is no checkpoint" if progress.saved is None else f"the newest checkpoint is of step {saved}"]
    later = any(step > saved for step in known.values())
    made_again = " A resume deletes what is later than its checkpoint, and makes it again." if later else ""
    yield f"Not all of this page is of one step: {', '.join(parts[:-1])}, and {parts[-1]}.{made_again}"


def plan_of(resolved: Path) -> Plan | None:
    """Return the plan of a resolved recipe, without a step that is tried.

    It is None if its parts cannot be made here: a page is also written where a plugin is absent.
    """
    try:
        return make_plan(resolved, try_step=False, trained=True)
    except GenkitError:
        return None


def remarks_on_recipe(plan: Plan) -> Sequence[str]:
    """Return what the plan of a run remarks, such as a phase that never runs in so short a run."""
    return [_as_sentence(remark) for remark in plan.dry_run.remarks]


def remarks_on_collapse(facts: Mapping[str, Any]) -> Sequence[str]:
    """Return that the model with these facts has collapsed, if the end of the run has measured so."""
    found = reconstructed_in(facts)
    return [] if found is None or not found.remark else [_as_sentence(found.remark)]


def remarks_on_absent(folder: RunFolder, state: RunState, facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a run whose steps are all trained has written and no longer has.

    `facts` are those of its newest weights. Raises `UsageError` if a folder cannot be read.
    """
    yield from lost_lines(folder)
    if state not in ENDED:
        return
    if not folder.lines():
        yield f"{folder.metrics}: not found, or empty. The curves are lost."
    if not exists(folder.timing):
        yield f"{folder.timing}: not found. How long the training took is lost."
    if state is RunState.FINISHED and not exists(folder.final / RAW):
        yield f"{folder.final / RAW}: not found, so the model is lost; `genkit resume` cannot write it again."
    yield from _absent_pictures(folder, state, facts.get("data_shape"))


def _absent_pictures(folder: RunFolder, state: RunState, shape: Any) -> Iterator[str]:
    """Yield that pictures are absent which a run on samples of this shape draws."""
    if not is_drawable(shape):
        return
    again = f"`genkit figures {shlex.quote(str(folder.path))}` draws the figures of the last step again."
    if state is RunState.FINISHED and not any(folder.figures.glob("*.png")):
        yield f"{folder.figures}: no pictures. The run drew figures after its last step; {again}"
    if not _previews(folder):
        yield f"{folder.samples}: no pictures. Those that the run drew while it trained are lost."


def _previews(folder: RunFolder) -> Sequence[str]:
    return [path.name for paths in previews_of(folder).values() for path in paths]


def _as_sentence(remark: str) -> str:
    return f"{remark[:1].upper()}{remark[1:].rstrip('.')}."
