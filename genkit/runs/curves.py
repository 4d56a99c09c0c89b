"""The numbers of a run over its steps, sorted for the eye.

    health        the KL of posteriors of data, of reconstructions and of samples, beside each other
    terms         what each phase minimises, and what that is made of
    schedules     weights and learning rates that the recipe sets
    evaluations   the metrics on the way

A line of the journal is {"step": 100, "t": 0.1, "PHASE/TERM": 1.2, "schedule/KEY": 0.5, "lr/CHILD": 2e-4}. Terms that
differ in the end of their name alone (NAME_real, NAME_rec, NAME_fake) are one quantity of three kinds of samples.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genkit.draw.panels import Curve, Panel, Section

if TYPE_CHECKING:
    from genkit.runs.evaluate_during_training import EvaluationRecord

KL = "kl"
SIDES = ("real", "rec", "fake")  # kinds of samples
ARROWS = {"lower": " ↓", "higher": " ↑", None: ""}  # which direction is good

Curves = dict[str, list[tuple[int, float]]]


def sections_of(
    lines: Sequence[Mapping[str, Any]],
    evaluated: Sequence[EvaluationRecord] = (),
    schedules: Collection[str] = (),
    begins: Sequence[int] = (),
) -> list[Section]:
    """Sort what a run has written down.

    `schedules` are names of terms that are no terms but schedules, `begins` the steps at which a phase begins.
    """
    curves = curves_of(lines)
    terms = {tuple(key.split("/", 1)): curve for key, curve in curves.items() if not is_schedule(key)}

    families = _families({key: curve for key, curve in terms.items() if key[1] not in schedules})
    health = [panel for base, panel in families.items() if base[0] == KL]
    grouped = {(phase, f"{base}_{side}") for base, phase in families for side in SIDES}
    plain = _by_term({key: curve for key, curve in terms.items() if key not in grouped and key[1] not in schedules})
    others = [panel for base, panel in families.items() if base[0] != KL]
    health += [panel for panel in plain if panel.title == KL]  # of a plain VAE, or of one that warms up
    plain = [panel for panel in plain if panel.title != KL]
    named = {name: curve for (phase, name), curve in terms.items() if name in schedules}
    set_by_recipe = {**named, **{key[9:]: curve for key, curve in curves.items() if key.startswith("schedule/")}}
    rates = {key[3:]: curve for key, curve in curves.items() if key.startswith("lr/")}
    schedule_panels = [Panel(name, {"": curve}, exact=True) for name, curve in set_by_recipe.items()]
    return [
        Section("health: KL of posteriors from the prior, nats", health, begins),
        Section("terms of the losses, by phase", [*plain, *others], begins),
        Section(
            "schedules",
            [*schedule_panels, *([Panel("learning rate", _merged(rates), exact=True)] if rates else [])],
            begins,
        ),
        Section("evaluations", list(evaluation_panels({"": evaluated})), begins),
    ]


def curves_of(lines: Sequence[Mapping[str, Any]]) -> Curves:
    """Return a curve for each key of a journal that holds numbers, in order of appearance."""
    curves: Curves = {}
    for line in lines:
        for key, value in line.items():
            if "/" in key and isinstance(value, int | float) and not isinstance(value, bool):
                curves.setdefault(key, []).append((line["step"], value if math.isfinite(value) else math.nan))
    return curves


def evaluation_panels(runs: Mapping[str, Sequence[EvaluationRecord]]) -> Iterator[Panel]:
    """Yield a panel for each metric, with a curve for each run that has it, and the best of each ringed."""
    results = [result for evaluated in runs.values() for one in evaluated for result in one.results]
    for label, better in {result.label: result.better for result in results}.items():
        curves, best = {}, []
        for name, evaluated in runs.items():
            values = [(one.step, one.value(label)) for one in evaluated]
            curve = [(step, value) for step, value in values if value is not None]
            if curve:
                curves[name] = curve
                if better is not None and len(curve) > 1:
                    sign = 1 if better == "lower" else -1
                    best.append(min(curve, key=lambda point: (sign * point[1], point[0])))
        if curves:
            yield Panel(label + ARROWS[better], curves, sparse=True, best=best)


def _merged(curves: Mapping[str, Curve]) -> dict[str, Curve]:
    """Return the same curves; those that are one have one name: ``encoder, decoder``."""
    names: dict[tuple[tuple[int, float], ...], list[str]] = {}
    for name, curve in curves.items():
        names.setdefault(tuple(curve), []).append(name)
    return {", ".join(sharing): curves[sharing[0]] for sharing in names.values()}


def is_schedule(key: str) -> bool:
    """Tell whether a key of a journal is of what the recipe sets, and no term of a loss."""
    return key.startswith(("lr/", "schedule/"))


def _families(terms: Mapping[tuple[str, ...], Curve]) -> dict[tuple[str, str], Panel]:
    """Return a panel for each quantity that a phase has of two kinds of samples at least, by its name and the phase."""
    found: dict[tuple[str, str], dict[str, Curve]] = {}
    for (phase, term), curve in terms.items():
        base, _, side = term.rpartition("_")
        if base and side in SIDES:
            found.setdefault((base, phase), {})[side] = curve
    return {
        (base, phase): Panel(f"{base}, {phase} phase", {side: curves[side] for side in SIDES if side in curves})
        for (base, phase), curves in found.items()
        if len(curves) > 1
    }


def _by_term(terms: Mapping[tuple[str, ...], Curve]) -> list[Panel]:
    panels: dict[str, dict[str, Curve]] = {}
    for (phase, term), curve in terms.items():
        panels.setdefault(term, {})[phase] = curve
    totals_first = sorted(panels, key=lambda term: term != "total")
    return [Panel(term, _merged(panels[term])) for term in totals_first]
