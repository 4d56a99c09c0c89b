"""Curves of one run over its steps, sorted into sections of panels.

    groups        terms of one phase with a common prefix, in one panel: kl_real, kl_rec and kl_fake are "kl". A term
                  named as the prefix joins the first of them: the "kl" of a warm-up, under the name of its phase
    terms         all other terms, one panel for each name, one curve for each phase
    schedules     weights and learning rates that the recipe sets
    evaluations   the metrics during training

A line of metrics.jsonl is {"step": 100, "t": 0.1, "PHASE/TERM": 1.2, "schedule/KEY": 0.5, "lr/CHILD": 2e-4}. The prefix
of a term is its name up to the last underscore. A prefix is a group if two terms of one phase have it; the terms of
other phases with that prefix are shown with the groups, too.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from genkit.draw.panels import Curve, Panel, Section

if TYPE_CHECKING:
    from genkit.core.result import EvaluationRecord

TOTAL = "total"  # the term that a phase minimises
SCHEDULE, LEARNING_RATE = "schedule/", "lr/"  # prefixes of the keys that the recipe sets
ARROWS = {"lower": " ↓", "higher": " ↑", None: ""}  # by the direction in which a metric is better

Curves = dict[str, list[tuple[int, float]]]  # (step, value) by key; a value that is not finite is nan


class Term(NamedTuple):
    """Name of a logged term of a loss: ``PHASE/NAME``."""

    phase: str
    name: str


def sections_of(
    lines: Sequence[Mapping[str, Any]],
    evaluations: Sequence[EvaluationRecord] = (),
    schedules: Collection[str] = (),
    begins: Sequence[int] = (),
) -> list[Section]:
    """Return the sections of groups, terms, schedules and evaluations, in this order; a section may be empty.

    `schedules` are names of terms that are schedules, not parts of a loss. `begins` are the steps at which a phase
    begins.
    """
    curves = curves_of(lines)
    terms = {Term(*key.split("/", 1)): curve for key, curve in curves.items() if not is_schedule(key)}
    parts_of_losses = {term: curve for term, curve in terms.items() if term.name not in schedules}
    logged_schedules = {term.name: curve for term, curve in terms.items() if term.name in schedules}
    groups, others = _group_terms(parts_of_losses)
    return [
        Section("terms with a common prefix, by phase", groups, begins),
        Section("terms of the losses, by phase", others, begins),
        Section("schedules", _schedule_panels(curves, logged_schedules), begins),
        Section("evaluations", list(evaluation_panels({"": evaluations})), begins),
    ]


def curves_of(lines: Sequence[Mapping[str, Any]]) -> Curves:
    """Return one curve for each key of metrics.jsonl with numbers, in the order in which they were first logged."""
    curves: Curves = {}
    for line in lines:
        for key, value in line.items():
            if "/" in key and isinstance(value, int | float) and not isinstance(value, bool):
                curves.setdefault(key, []).append((line["step"], value if math.isfinite(value) else math.nan))
    return curves


def evaluation_panels(runs: Mapping[str, Sequence[EvaluationRecord]]) -> Iterator[Panel]:
    """Yield one panel for each metric, with one curve for each run that has it; the best value of a run is marked."""
    results = [result for records in runs.values() for record in records for result in record.results]
    for label, better in {result.label: result.better for result in results}.items():
        curves, best = {}, []
        for name, records in runs.items():
            values = [(record.step, record.value(label)) for record in records]
            curve = [(step, value) for step, value in values if value is not None]
            if curve:
                curves[name] = curve
                if better is not None and len(curve) > 1:
                    sign = 1 if better == "lower" else -1
                    best.append(min(curve, key=lambda point: (sign * point[1], point[0])))
        if curves:
            yield Panel(label + ARROWS[better], curves, sparse=True, best=best)


def is_schedule(key: str) -> bool:
    """Return whether a key of metrics.jsonl is a schedule or a learning rate, which the recipe sets."""
    return key.startswith((SCHEDULE, LEARNING_RATE))


def _group_terms(terms: Mapping[Term, Curve]) -> tuple[list[Panel], list[Panel]]:
    """Return the panels of groups, those with one prefix next to each other, and the panels of all other terms."""
    groups = _groups(terms)
    grouped = {
        Term(phase, f"{prefix}_{suffix}")
        for prefix, phases in groups.items()
        for phase, curves in phases.items()
        for suffix in curves
    }
    others = _panels_by_name({term: curve for term, curve in terms.items() if term not in grouped})
    named_as_prefix = {panel.title: panel.curves for panel in others if panel.title in groups}
    panels: list[Panel] = []
    for prefix, phases in groups.items():
        first, *rest = (Panel(f"{prefix}, {phase}", curves) for phase, curves in phases.items())
        joining = named_as_prefix.get(prefix, {})
        joining = {f"{name} phase" if name in first.curves else name: curve for name, curve in joining.items()}
        panels += [replace(first, curves={**joining, **first.curves}), *rest]
    return panels, [panel for panel in others if panel.title not in groups]


def _groups(terms: Mapping[Term, Curve]) -> dict[str, dict[str, dict[str, Curve]]]:
    """Return the curves of groups by prefix, phase and suffix. The phases with most suffixes come first."""
    found: dict[str, dict[str, dict[str, Curve]]] = {}
    for (phase, name), curve in terms.items():
        prefix, _, suffix = name.rpartition("_")
        if prefix:
            found.setdefault(prefix, {}).setdefault(phase, {})[suffix] = curve
    return {
        prefix: dict(sorted(phases.items(), key=lambda phase: -len(phase[1])))
        for prefix, phases in found.items()
        if max(map(len, phases.values())) > 1
    }


def _panels_by_name(terms: Mapping[Term, Curve]) -> list[Panel]:
    """Return one panel for each name of a term, with one curve for each phase; totals come first."""
    by_name: dict[str, dict[str, Curve]] = {}
    for term, curve in terms.items():
        by_name.setdefault(term.name, {})[term.phase] = curve
    return [Panel(name, _merge_equal(by_name[name])) for name in sorted(by_name, key=lambda name: name != TOTAL)]


def _schedule_panels(curves: Mapping[str, Curve], logged: Mapping[str, Curve]) -> list[Panel]:
    """Return one panel for each schedule, `logged` as a term or set by the recipe, and one for all learning rates."""
    by_recipe = {key.removeprefix(SCHEDULE): curve for key, curve in curves.items() if key.startswith(SCHEDULE)}
    rates = {key.removeprefix(LEARNING_RATE): curve for key, curve in curves.items() if key.startswith(LEARNING_RATE)}
    panels = [Panel(name, {"": curve}, exact=True) for name, curve in {**logged, **by_recipe}.items()]
    return [*panels, Panel("learning rate", _merge_equal(rates), exact=True)] if rates else panels


def _merge_equal(curves: Mapping[str, Curve]) -> dict[str, Curve]:
    """Return the curves, with equal ones merged under a joint name: ``encoder, decoder``."""
    names: dict[tuple[tuple[int, float], ...], list[str]] = {}
    for name, curve in curves.items():
        names.setdefault(tuple(curve), []).append(name)
    return {", ".join(sharing): curves[sharing[0]] for sharing in names.values()}
