"""What a search prints, returns as JSON and draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from genkit.draw.trials import DrawnKey, DrawnTrial, save_trials
from genkit.recipe.binding.values import in_toml
from genkit.tuning.axis import Axis
from genkit.tuning.planning import SearchPlan
from genkit.tuning.ranking import Ranking, has_number, number_text, spread
from genkit.tuning.search import trials_of
from genkit.tuning.study import TrialRecord

STATES = {
    "planned": "planned",
    "running": "not finished",
    "complete": "trained",
    "pruned": "stopped early",
    "failed": "failed",
}


def columns_of(plan: SearchPlan) -> list[str]:
    """Return the heading of the table of trials."""
    return ["trial", *(axis.name for axis in plan.axes), plan.spec.metric, "remark"]


def rows_of(plan: SearchPlan, records: Sequence[TrialRecord]) -> list[tuple[str, ...]]:
    """Return the trials, the best first, then those without a number in the order of their numbers."""
    ranking = Ranking.of(records, plan.better)
    others = [record for record in records if not has_number(record)]
    return [
        (str(record.number), *values_of(plan, record), number_text(record), _remark(record, ranking))
        for record in (*ranking.ranked, *others)
    ]


def values_of(plan: SearchPlan, record: TrialRecord) -> list[str]:
    """Return the values of the searched keys of a trial as text, in the order of the space."""
    return [_shown(axis, record.params[axis.name]) for axis in plan.axes]


def settings_of(plan: SearchPlan, record: TrialRecord) -> str:
    """Return the searched keys of a trial with their values: ``loss.beta_neg = 61.3``."""
    return ", ".join(f"{axis.name} = {text}" for axis, text in zip(plan.axes, values_of(plan, record), strict=True))


def conclusions(plan: SearchPlan, records: Sequence[TrialRecord]) -> Iterator[str]:
    """Yield the lines below the table: the best trial, its ties, and how far its number can be trusted."""
    ranking = Ranking.of(records, plan.better)
    if ranking.best is None:
        yield f"best      none: no trial has a number of {plan.spec.metric}"
        return
    yield f"best      trial {ranking.best.number}: {settings_of(plan, ranking.best)}, {number_text(ranking.best)}"
    if ranking.ties:
        ties = ", ".join(f"trial {each.number}" for each in ranking.ties)
        how = "within one standard deviation over the seeds" if len(plan.spec.seeds) > 1 else "equal"
        yield f"ties      {ties}: {how}, so nothing shows that the best is better"
    if len(plan.spec.seeds) == 1:
        yield "remark    one seed: the spread of a trial is unknown, and the best may be luck. Give two seeds or more"
    split = plan.base.protocols[plan.spec.metric].split
    yield (
        f"remark    the best of {len(ranking.ranked)} compared numbers ({split} split) is optimistic by selection. "
        "Report a number of other data, or at least of other seeds"
    )


def as_json(plan: SearchPlan, records: Sequence[TrialRecord], files: dict[str, str]) -> dict[str, Any]:
    """Return a search as values that JSON can store. A value that is not finite is null, with its reason."""
    ranking = Ranking.of(records, plan.better)
    return {
        "metric": plan.spec.metric,
        "better": plan.better,
        "protocol": plan.protocol,
        "seeds": list(plan.spec.seeds),
        "trials_planned": trials_of(plan),
        "trials_compared": len(ranking.ranked),
        "best": None if ranking.best is None else ranking.best.number,
        "ties": [each.number for each in ranking.ties],
        "trials": [_trial(plan, record) for record in records],
        **files,
    }


def draw_search(file: Path, plan: SearchPlan, records: Sequence[TrialRecord]) -> None:
    """Write the picture of a search. Raises `OSError`."""
    ranking = Ranking.of(records, plan.better)
    keys = [
        DrawnKey(axis.name, [] if axis.is_range else [in_toml(value) for value in axis.spec.values], axis.spec.log)
        for axis in plan.axes
    ]
    drawn = [_drawn(plan, record, ranking) for record in records if record.state != "running"]
    seeds = len(plan.spec.seeds)
    bars = f"Bars: one standard deviation over {seeds} seeds. " if seeds > 1 else "One seed: no spread. "
    note = f"{plan.better.capitalize()} is better. {bars}{plan.protocol}."
    save_trials(file, keys, drawn, plan.spec.metric, plan.spec.title, note)


def _drawn(plan: SearchPlan, record: TrialRecord, ranking: Ranking) -> DrawnTrial:
    params = {
        axis.name: record.params[axis.name] if axis.is_range else in_toml(axis.value_of(record.params[axis.name]))
        for axis in plan.axes
    }
    if has_number(record):
        kind = "best" if ranking.best is record else "other"
        return DrawnTrial(params, record.value, spread(record), kind)
    if record.state == "pruned":
        return DrawnTrial(params, record.value, kind="pruned")
    return DrawnTrial(params, None, kind="lost")


def _trial(plan: SearchPlan, record: TrialRecord) -> dict[str, Any]:
    number = has_number(record)
    return {
        "trial": record.number,
        "keys": {axis.name: axis.value_of(record.params[axis.name]) for axis in plan.axes},
        "state": STATES[record.state] if number or record.state != "complete" else "diverged",
        "value": record.value if number or record.state == "pruned" else None,
        "spread": spread(record) if number and len(record.values) > 1 else None,
        "values": record.facts.get("values", {}),
        "runs": record.facts.get("runs", []),
        "reason": record.reason,
    }


def _remark(record: TrialRecord, ranking: Ranking) -> str:
    if ranking.best is record:
        return "best"
    return "tie" if record in ranking.ties else record.reason


def _shown(axis: Axis, kept: Any) -> str:
    value = axis.value_of(kept)
    return f"{value:.4g}" if isinstance(value, float) else in_toml(value)
