"""A plan, for a person and as JSON."""

from __future__ import annotations

from typing import Any

from genkit.console.output import Voice
from genkit.console.quantities import quantity
from genkit.errors import UsageError
from genkit.recipe.plan import Plan


def print_plan(plan: Plan, voice: Voice) -> None:
    """Print the parts and their owners, the phases and what each updates, the costs, and what is unmet."""
    facts = plan_as_dict(plan)
    voice.remark(f"{plan.recipe.title}\n")
    if voice.quiet:
        return
    rows = [(part["table"], part["name"], part["owner"]) for part in facts["parts"]]
    voice.table("parts", ("table", "part", "supplied by"), rows)
    phases = [
        (phase["name"], ", ".join(phase["updates"]), phase["due"], quantity(phase["flops"], "FLOP"))
        for phase in facts["phases"]
    ]
    voice.table("phases of a step", ("phase", "updates", "due", "costs"), phases)
    parameters = ", ".join(f"{child} {count:,}" for child, count in facts["parameters"].items())
    voice.say(f"parameters  {parameters}")
    voice.say(
        f"steps       {facts['steps']} of {plan.recipe.train.batch_size} samples, {facts['flops_per_step_text']} each"
    )
    voice.say(f"memory      {facts['memory_text']}")
    if asked := plan.recipe.evaluate:
        best = f"; the best step by {asked.best} is kept" if asked.best is not None else ""
        voice.say(f"evaluated   every {asked.every} steps: {', '.join(asked.metrics or plan.metrics)}{best}")
    for remark in plan.rehearsal.remarks:
        voice.say(f"remark      {remark}")
    for absent in facts["unmet"]:
        voice.say(f"unmet       {absent}")
    voice.say("")


def print_keys(plan: Plan, voice: Voice) -> None:
    """Print every key of the resolved recipe and where it came from."""
    rows = [(".".join(key.path), repr(key.value), key.origin) for key in plan.keys]
    voice.table("keys", ("key", "value", "from"), rows)


def plan_as_dict(plan: Plan) -> dict[str, Any]:
    """Return everything that a plan tells, as JSON holds it."""
    rehearsal = plan.rehearsal
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
                "flops": rehearsal.costs[phase.name].flops,
                "couples_samples": rehearsal.costs[phase.name].couples_samples,
            }
            for phase in plan.phases
        ],
        "parameters": dict(rehearsal.parameters),
        "flops_per_step": rehearsal.flops,
        "flops_per_step_text": quantity(rehearsal.flops, "FLOP"),
        "state_bytes": rehearsal.state_bytes,
        "activation_bytes": rehearsal.activation_bytes,
        "memory_text": f"{quantity(rehearsal.state_bytes, 'B')} of weights, gradients and moments, "
        f"{quantity(rehearsal.activation_bytes, 'B')} of activations in the hungriest phase",
        "steps": _steps(plan),
        "remarks": list(rehearsal.remarks),
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
