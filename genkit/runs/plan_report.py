"""A plan, printed and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from genkit.bases.pictures.splits import remarks_on_splits
from genkit.console.output import Console
from genkit.console.quantities import quantity
from genkit.engine.threads import Threads
from genkit.engine.workers import Workers
from genkit.errors import UsageError
from genkit.recipe.binding.values import in_toml
from genkit.recipe.machine.launcher_remarks import launcher_remarks
from genkit.recipe.plan import Plan
from genkit.recipe.text.shipped import recipes_folder

VALID = "the recipe is valid, but cannot run here"


def print_plan(plan: Plan, threads: Threads, workers: Workers, console: Console) -> None:
    """Print the parts with their owners, the phases with their costs, the size of the run, and remarks."""
    console.info(f"{plan.recipe.title}\n")
    if console.quiet:
        return
    facts = plan_as_dict(plan, threads, workers)
    rows = [(part["table"], part["name"], part["owner"]) for part in facts["parts"]]
    console.table("parts", ("table", "part", "supplied by"), rows)
    of_phases = {
        phase["name"]: (phase["name"], ", ".join(phase["updates"]), phase["due"], quantity(phase["flops"], "FLOP"))
        for phase in facts["phases"]
    }
    of_actions = {
        action["name"]: (action["name"], _describe_action(action), action["due"], "") for action in facts["actions"]
    }
    phases = [(of_phases | of_actions)[turn.name] for turn in plan.turns]
    console.table("phases of a step", ("phase", "updates", "due", "costs"), phases)
    for label, text in _summary(plan, threads, workers, facts):
        console.prose(text, f"{label:11} ")
    console.print("")


def print_keys(plan: Plan, console: Console) -> None:
    """Print every key of the resolved recipe, its value and its origin."""
    rows = [(".".join(key.path), in_toml(key.value), key.origin) for key in plan.keys]
    rows += [(".".join(key.path), str(key.value), key.origin) for key in plan.data_keys]
    console.table("keys", ("key", "value", "from"), rows)


def print_unmet(plan: Plan, console: Console) -> None:
    """Print the places of what this machine lacks as the last line, so that the output alone shows it.

    The error of the command has the whole texts.
    """
    if unmet := (*plan.unmet, *plan.unmet_start):
        places = ", ".join(dict.fromkeys(text.partition(": ")[0] for text in unmet))
        console.prose(f"{VALID}: {places}", f"{'unmet':11} ")


def plan_as_dict(plan: Plan, threads: Threads, workers: Workers) -> dict[str, Any]:
    """Return the facts of a plan as JSON holds them."""
    dry_run = plan.dry_run
    return {
        "title": plan.recipe.title,
        "parts": [
            {"table": ".".join(path), "kind": part.kind, "name": part.entry.name, "owner": str(part.owner)}
            for path, part in plan.parts.items()
        ],
        "phases": [
            {
                "name": phase.name,
                "updates": list(phase.updates),
                "due": _due(phase.every, phase.start, phase.stop),
                "flops": dry_run.costs[phase.name].flops,
                "couples_samples": dry_run.costs[phase.name].couples_samples,
            }
            for phase in plan.phases
        ],
        "actions": [
            {
                "name": action.name,
                "before": action.before,
                "due": _due(action.every, action.start, action.stop),
                "resets": list(action.resets),
            }
            for action in plan.actions
        ],
        "parameters": dict(dry_run.parameters),
        "targets": list(dry_run.targets),
        "flops_per_step": dry_run.flops,
        "flops_per_step_text": quantity(dry_run.flops, "FLOP"),
        "threads": threads.number,
        "workers": workers.number,
        "state_bytes": dry_run.state_bytes,
        "activation_bytes": dry_run.activation_bytes,
        "memory_text": f"{quantity(dry_run.state_bytes, 'B')} of weights, gradients and moments, "
        f"{quantity(dry_run.activation_bytes, 'B')} of activations in the largest phase",
        "steps": _steps(plan),
        "remarks": [*dry_run.remarks, *remarks_on_splits(plan.data), *launcher_remarks(plan.recipe.train)],
        "unmet": [*plan.unmet, *plan.unmet_start],
        "keys": [
            {"key": ".".join(key.path), "value": key.value, "from": key.origin} for key in (*plan.keys, *plan.data_keys)
        ],
    }


def _summary(plan: Plan, threads: Threads, workers: Workers, facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield labels and texts, a line each."""
    if (file := Path(plan.document.file)).parent == recipes_folder():  # given by its name, so the user saw no file
        yield "recipe", str(file)
    yield "parameters", ", ".join(f"{child} {count:,}" for child, count in facts["parameters"].items())
    if facts["targets"]:
        yield "targets", f"{', '.join(facts['targets'])}: a copy that the loss reads and no optimiser updates"
    batch_size = plan.recipe.train.batch_size
    when = "" if all(phase.stop is None for phase in plan.phases) else " at the end"
    most = "at most " if plan.stopping else ""
    yield "steps", f"{most}{facts['steps']} of {batch_size} samples, {facts['flops_per_step_text']} each{when}"
    yield "threads", f"{threads.number} ({threads.why})"
    yield "workers", f"{workers.number} ({workers.why})"
    yield "memory", facts["memory_text"]
    if (evaluate := plan.recipe.evaluate) is not None:
        best = f"; the best step by {evaluate.best} is kept" if evaluate.best is not None else ""
        yield "evaluated", f"every {evaluate.every} steps: {', '.join(evaluate.metrics or plan.metrics)}{best}"
    yield from (("remark", remark) for remark in facts["remarks"])


def _describe_action(action: Mapping[str, Any]) -> str:
    return "(action)" + (f" resets {', '.join(action['resets'])}" if action["resets"] else "")


def _due(every: int, start: int, stop: int | None) -> str:
    """Return when a phase runs, by numbers of completed steps, as the log counts: the first step is step 1."""
    if stop == 0:
        return "never"
    often = "each step" if every == 1 else f"every {every} steps"
    begin = f" after step {start}" if start else ""
    end = f" up to step {stop}" if stop is not None else ""
    return often + begin + end


def _steps(plan: Plan) -> int | str:
    if plan.unmet and plan.recipe.train.steps is None:
        return f"{plan.recipe.train.epochs} epochs"
    try:
        return plan.steps
    except UsageError as error:
        return str(error)
