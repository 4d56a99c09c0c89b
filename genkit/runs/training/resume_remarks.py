"""Remarks on a run that goes on or is shown: what differs from an uninterrupted run, and what has been lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from genkit.recipe.installed.owners import suppliers_in
from genkit.recipe.plan import Plan
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.checkpoint import changed_environment, read_facts


def resume_remarks(folder: RunFolder, plan: Plan) -> list[str]:
    """Return the remarks of a resume from the newest checkpoint. Raises `UsageError` if a file is damaged."""
    newest = folder.checkpoint(folder.saved_steps()[-1])
    facts = read_facts(newest)
    differences = [*changed_environment(newest), *_other_versions(facts, plan), *_compiled_differently(facts, plan)]
    remarks = [f"the bits may differ from an uninterrupted run: {difference}" for difference in differences]
    return [*remarks, *lost_lines(folder)]


def lost_lines(folder: RunFolder) -> list[str]:
    """Return what the logs of a run lack that was written before its newest checkpoint. Raises `UsageError`."""
    saved = folder.saved_steps()
    if not saved:
        return []
    step, remarks = saved[-1], []
    written = read_facts(folder.checkpoint(step)).get("lines") or {}
    for log in folder.logs:
        kept = sum(line["step"] <= step for line in log.lines())
        before = written.get(log.path.name)
        if isinstance(before, int) and kept < before:
            remarks.append(f"{log.path}: has {kept} of the {before} lines up to step {step}; {log.lost}")
    return remarks


def _compiled_differently(facts: Mapping[str, Any], plan: Plan) -> Iterator[str]:
    """Yield ``[train] compile`` if it differs from the run so far. An earlier version did not keep the recipe."""
    recipe = facts.get("recipe")
    if recipe is None:
        return
    then, now = (recipe.get("train") or {}).get("compile"), plan.recipe.train.compile
    if bool(then) != bool(now):
        yield f"[train] compile {str(bool(then)).lower()} then, {str(bool(now)).lower()} now"


def _other_versions(facts: Mapping[str, Any], plan: Plan) -> Iterator[str]:
    """Yield the plugins whose version differs; that of genkit's own parts is in the environment."""
    then = suppliers_in(facts.get("parts") or ())
    changes: dict[str, None] = {}
    for path, part in plan.parts.items():
        before, owner = then.get(".".join(path)), part.owner
        if owner.plugin != "genkit" and before is not None and before[1:] != (owner.distribution, owner.version):
            changes[f"{before.distribution} {before.version} then, {owner} now"] = None
    yield from changes
