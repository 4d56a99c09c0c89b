"""What a user can do about a training that is not finite: it depends on the step, on the terms and on the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from genkit.part_code import code_of
from genkit.recipe.plan import Plan

SMALLER_STEPS = "Try a smaller learning rate, [optimiser.CHILD] clip_norm, or a longer warm-up."
GENKIT = "genkit"  # the owner of the parts that genkit itself supplies


@dataclass(frozen=True)
class NotFinite:
    """The first term or weight that was not finite."""

    text: str  # which one, and when
    step: int  # counted from 1
    terms: Mapping[str, bool] = field(default_factory=dict)  # of its phase by name: whether they are finite
    first_phase: bool = False  # whether no phase of the step came before it

    @property
    def untrained(self) -> bool:
        """Whether no phase has updated a weight before."""
        return self.step == 1 and self.first_phase


def remedy_of(found: NotFinite, plan: Plan | None, samples: tuple[float, float] | None = None) -> str:
    """Return what to do about a term or a weight that is not finite, while the samples of its step are.

    `samples` are the least and the largest value of these samples; None if they are not known.
    """
    if found.untrained:
        return _remedy_of_untrained(found, plan, samples)
    checks = _checks_of(plan) if plan is not None and found.step <= 2 else []
    hint = f" Or a gradient of the first step was not finite; {' and '.join(checks)} shows it." if checks else ""
    return f"{SMALLER_STEPS}{hint}"


def remedy_for_data(plan: Plan) -> str:
    """Return what to do about samples that are not finite."""
    data = f"{code_of(plan.data)} of {plan.parts['data',].owner}"
    return f"[data] has samples in that step that are not finite. Remove them, or fix {data}."


def _remedy_of_untrained(found: NotFinite, plan: Plan | None, samples: tuple[float, float] | None) -> str:
    said = []
    if finite := ", ".join(name for name, is_finite in found.terms.items() if is_finite):
        bad = ", ".join(name for name, is_finite in found.terms.items() if not is_finite)
        said.append(f"Not finite in this phase: {bad}; finite: {finite}.")
    if samples is not None:
        said.append(f"The samples of that step are finite, from {samples[0]:g} to {samples[1]:g}.")
    said.append("No weight was updated before, so a smaller learning rate does not help.")
    if plan is not None:
        owner = plan.parts["loss",].owner.plugin
        places = [f"the code of the loss, {code_of(plan.loss)}"] * (owner != GENKIT)
        places += ["the keys of [loss] and [model]", "the range of the data"]
        places += ['[train] precision = "fp16"'] * (plan.recipe.train.precision == "fp16")
        said.append(f"Look at {', '.join(places[:-1])} and {places[-1]}.")
        said += [f"{command} tries the code on examples." for command in _checks_of(plan)]
    return " ".join(said)


def _checks_of(plan: Plan) -> list[str]:
    """Return the commands that check the plugins whose loss or model is used; none if genkit supplies both."""
    owners = (part.owner.plugin for path, part in plan.parts.items() if path[0] in ("loss", "model"))
    return [f"`genkit plugins check {name}`" for name in dict.fromkeys(owners) if name != GENKIT]
