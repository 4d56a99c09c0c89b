"""The text below a results table: how to read it, and what is stale, failed or cannot be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from genkit.core.result import Result
from genkit.recipe.changed_keys import changed_keys
from genkit.tables.best_number import SIGNIFICANCE, can_be_marked
from genkit.tables.cell_result import CellResult
from genkit.tables.different_data import find_different_data
from genkit.tables.experiment import Experiment
from genkit.tables.spec import TableSpec


def remarks_of(table: TableSpec, experiments: Sequence[Experiment], kept: Mapping[str, CellResult]) -> list[str]:
    """Return the remarks below the table, one paragraph each."""
    return [
        *_how_to_read(table),
        *_intervals(table, experiments, kept),
        *_different_data(table, experiments, kept),
        *_rows_not_run(table, experiments, kept),
        *(
            remark
            for experiment in experiments
            if (run := kept.get(str(experiment)))
            for remark in _remarks_of_run(experiment, run, table.metrics)
        ),
    ]


def _how_to_read(table: TableSpec) -> Iterator[str]:
    if table.note:
        yield table.note.strip()
    if table.published:
        yield f"In brackets: published, {table.published.source}."
    means = (
        f"Mean ± standard deviation over training seeds {', '.join(map(str, table.seeds))}, as far as they are kept."
    )
    best = (
        " Best (bold, or a star): every seed beats every seed of every other number in its line, which has a "
        f"probability of at most 1 in {1 / SIGNIFICANCE:.0f} if the methods are equal."
    )
    yield means + best * can_be_marked(len(table.seeds), len(table.columns))


def _intervals(table: TableSpec, experiments: Sequence[Experiment], kept: Mapping[str, CellResult]) -> Iterator[str]:
    measured: dict[tuple[str, str], list[Result]] = {}  # the values of each cell and metric
    for each in experiments:
        for label, result in kept[str(each)].results.items() if str(each) in kept else ():
            if label in table.metrics and result.value is not None:
                measured.setdefault((str(each.cell), label), []).append(result)
    if any(len(results) == 1 and results[0].interval for results in measured.values()):
        yield (
            "A value of a single seed has the confidence interval [low, high] of its metric. It is for that trained "
            "model, and does not cover the variation over seeds."
        )


def _different_data(
    table: TableSpec, experiments: Sequence[Experiment], kept: Mapping[str, CellResult]
) -> Iterator[str]:
    yield from dict.fromkeys(  # once for all metrics
        f"{table.rows[each.row].title or each.row}: {each.one} and {each.other} were measured on different data (the "
        f"{each.split} split). Their numbers cannot be compared, and none is marked best."
        for each in find_different_data(table, experiments, kept)
    )


def _rows_not_run(table: TableSpec, experiments: Sequence[Experiment], kept: Mapping[str, CellResult]) -> Iterator[str]:
    incomplete = {each.cell.row for each in experiments if str(each) not in kept}
    for name, row in table.rows.items():
        if row.needs and name in incomplete:
            yield f"{row.title or name}: not run by default, because it needs {row.needs}. Run it with --only {name}."


def _remarks_of_run(experiment: Experiment, run: CellResult, labels: Sequence[str]) -> Iterator[str]:
    same_recipe = run.has_recipe_of(experiment)
    if not same_recipe:
        changes = "; ".join(changed_keys(run.recipe, experiment.recipe))
        yield f"† {experiment} was trained with another recipe: {changes}."
    if run.failure:
        yield f"{experiment} failed: {run.failure}"
    for label in labels:
        if (result := run.results.get(label)) is None:
            continue
        if result.value is None:
            yield f"{experiment} {label} is refused: {result.reason}."
        if same_recipe and label in experiment.plan.metrics and not run.has_protocol_of(experiment, label):
            yield f"† {experiment} {label} was measured by another protocol: {result.protocol}."
