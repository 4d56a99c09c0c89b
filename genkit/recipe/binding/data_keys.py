"""Keys that a recipe leaves out and whose value depends on the data: what is held out, how many samples a metric reads,
and how often a run is logged.

They are shown and written as comments, and are not part of the resolved recipe: `genkit eval` may use other data, and
then they have other values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from genkit.core.metric import EvaluationProtocol
from genkit.errors import UsageError
from genkit.recipe.installed.registry import Part
from genkit.recipe.resolved import Key
from genkit.recipe.text.document import KeyPath

if TYPE_CHECKING:
    from genkit.recipe.plan import Plan


def data_keys(plan: Plan) -> Iterator[Key]:
    """Yield `hold_out` of the data, `samples` of each metric and `log_every`, where the recipe leaves them out.

    Yields nothing for data that are missing on this machine.
    """
    data, held_out = plan.data, plan.data.held_out()
    if data.unmet() or held_out.unmet():
        return
    if _left_out(data, "hold_out"):
        value = f"{held_out.size} samples are held out, {data.size} are trained on"
        yield _key(plan.parts, ("data",), "hold_out", value)
    for label, protocol in plan.protocols.items():
        if _left_out(plan.metrics[label], "samples"):
            yield _key(plan.parts, ("metrics", label), "samples", protocol.samples)
    if _left_out(plan.recipe.report, "log_every"):
        with suppress(UsageError):  # a run refuses data that give no number of steps
            every = plan.recipe.report.steps_between_lines(plan.steps)
            yield Key(("report", "log_every"), every, f"default for {plan.steps:,} steps")


def without_data_counts(metric: Any, protocol: EvaluationProtocol) -> EvaluationProtocol:
    """Return the protocol of a metric without the numbers of samples that the data decide.

    A plan cannot know these numbers while the data are missing.
    """
    if _left_out(metric, "samples"):
        protocol = replace(protocol, samples=0)
    if _left_out(metric, "other_samples"):  # of a second data set, which this detail describes
        details = {name: value for name, value in protocol.details.items() if name != "other"}
        protocol = replace(protocol, details=details)
    return protocol


def _left_out(part: Any, key: str) -> bool:
    return is_dataclass(part) and key in {item.name for item in fields(part)} and getattr(part, key) is None


def _key(parts: Mapping[KeyPath, Part], path: KeyPath, name: str, value: Any) -> Key:
    part = parts[path]
    return Key((*path, name), value, f'default of "{part.entry.name}" for these data ({part.owner})')
