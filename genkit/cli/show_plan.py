"""A plan, for a person and as JSON."""

from __future__ import annotations

from typing import Any

from genkit.console.output import Console
from genkit.console.quantities import quantity
from genkit.errors import UsageError
from genkit.recipe.plan import Plan


def print_plan(plan: Plan, console: Console) -> None:
    """Print the parts and their owners, the phases and what each updates, the costs, and what is unmet."""
    facts = plan_as_dict(plan)
    console.info(f"{plan.recipe.title}\n")
    if console.quiet:
        return
    rows = [(part["table"], part["name"], part["owner"]) for part in facts["parts"]]
    console.table("parts", ("table", "part", "supplied by"), rows)
    phases = [
        (phase["name"], ", ".join(phase["updates"]), phase["due"], quantity(phase["flops"], "FLOP"))
        for phase in facts["phases"]
    ]
    console.table("phases of a step", ("phase", "updates", "due", "costs"), phases)
    parameters = ", ".join(f"{child} {count:,}" for child, count in facts["parameters"].items())
    console.print(f"parameters  {parameters}")
    console.print(
        f"steps       {facts['steps']} of {plan.recipe.train.batch_size} samples, {facts['flops_per_step_text']} each"
    )
    console.print(f"memory      {facts['memory_text']}")
    if asked := plan.recipe.evaluate:
        best = f"; the best step by {asked.best} is kept" if asked.best is not None else ""
        console.print(f"evaluated   every {asked.every} steps: {', '.join(asked.metrics or plan.metrics)}{best}")
    for remark in plan.dry_run.remarks:
        console.print(f"remark      {remark}")
    for absent in facts["unmet"]:
        console.print(f"unmet       {absent}")
    console.print("")


def print_keys(plan: Plan, console: Console) -> None:
    """Print every key of the resolved recipe and where it came from."""
    rows = [(".".join(key.path), repr(key.value), key.origin) for key in plan.keys]
    console.table("keys", ("key", "value", "from"), rows)


def plan_as_dict(plan: Plan) -> dict[str, Any]:
    """Return everything that a plan tells, as JSON holds it."""
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
        "parameters": dict(dry_run.parameters),
        "flops_per_step": dry_run.flops,
        "flops_per_step_text": quantity(dry_run.flops, "FLOP"),
        "state_bytes": dry_run.state_bytes,
        "activation_bytes": dry_run.activation_bytes,
        "memory_text": f"{quantity(dry_run.state_bytes, 'B')} of weights, gradients and moments, "
        f"{quantity(dry_run.activation_bytes, 'B')} of activations in the hungriest phase",
        "steps": _steps(plan),
        "remarks": list(dry_run.remarks),
        "unmet": [*plan.unmet, *plan.unmet_start],
        "keys": [{"key": ".".join(key.path), "value": key.value, "from": key.origin} for key in plan.keys],
    }


def _due(every: int, start: int, stop: int | None) -> str:
    if stop == 0:
        return "never"
    words = "each step" if every == 1 else f"every {every} steps"
    if start:
        words += f" from step {start}"
    return words + (f" before step {stop}" if stop is not None else "")


def _steps(plan: Plan) -> int | str:
    if plan.unmet and plan.recipe.train.steps is None:
        return f"{plan.recipe.train.epochs} epochs"
    try:
        return plan.steps
    except UsageError as error:
        return str(error)
