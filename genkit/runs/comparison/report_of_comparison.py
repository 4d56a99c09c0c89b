"""What the page of a comparison shows: recipes, curves, numbers and pictures of two to ten runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genkit.console.quantities import duration, quantity
from genkit.errors import UsageError
from genkit.evaluation.protocol_lines import ProtocolLine
from genkit.pages.chart import Look, look_of, value_text
from genkit.pages.pictures import PictureBudget
from genkit.pages.render import render_page
from genkit.recipe.tables import WITHOUT_WEIGHT
from genkit.runs.comparison.compare import Comparison
from genkit.runs.comparison.compared_charts import ComparedCharts, charts_of_comparison
from genkit.runs.comparison.compared_metrics import ComparisonRow, own_parts
from genkit.runs.comparison.compared_names import short_names
from genkit.runs.comparison.compared_pictures import ComparedPictures, pictures_of_comparison
from genkit.runs.comparison.compared_remarks import remarks_on_plans
from genkit.runs.comparison.compared_run import ComparedRun
from genkit.runs.comparison.comparison_report import (
    NO_VALUE,
    protocols_of_comparison,
    total_of,
    value_of_key,
    value_of_metric,
)
from genkit.runs.comparison.standing import Standing, about_standings, standings
from genkit.runs.report.curves import ARROWS

TEMPLATE = "comparison.html.jinja"
MOST_RUNS = 10
PICTURE_BYTES = 1_200_000
ABOUT_INTERVALS = "An interval is for the trained model; it does not cover the variation over training seeds."
ABOUT_UNFINISHED = "Lines with an unfinished run have no leading value."
LONGEST = 300  # characters of a value of a recipe
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"  # between a metric and its arrow, which would else be alone on a line
FEW = 8  # keys that decide the weights; if more differ, those that say what was trained come first
WHAT_IS_TRAINED = (
    *("loss.use", "model.use", "data.use", "model.prior.use"),
    *("train.steps", "train.epochs", "train.batch_size", "seed"),
)


@dataclass(frozen=True)
class RunLabel:
    """Name of a run and its look, which is the same in all charts and tables."""

    name: str
    short: str  # where there is little room, such as on a phone
    look: Look
    path: str


@dataclass(frozen=True)
class ByRun:
    """One line of a table with a cell for each run."""

    name: str
    cells: Sequence[str]


@dataclass(frozen=True)
class MetricCell:
    """One value, its interval, and whether it is the best of its line."""

    value: str
    interval: str
    standing: Standing


@dataclass(frozen=True)
class MetricLine:
    """The comparable values of one metric."""

    name: str
    note: str  # what distinguishes the line from others of the same name, and weights that the pictures are not of
    better: str
    cells: Sequence[MetricCell]
    shared: bool  # whether several runs have a value


@dataclass(frozen=True)
class ComparisonReport:
    """A comparison as its page shows it."""

    title: str
    runs: Sequence[RunLabel]
    remarks: Sequence[str]
    deciding: Sequence[ByRun]  # keys that differ and decide the weights
    others: Sequence[ByRun]  # keys that differ and do not
    metrics: Sequence[MetricLine]
    metric_remarks: Sequence[str]  # on metrics that the runs compute differently
    unfinished: bool  # whether a run is not finished
    protocols: Sequence[ProtocolLine]  # how the values of the metrics are made
    training: Sequence[ByRun]
    totals: Sequence[ByRun]
    curves: ComparedCharts
    pictures: ComparedPictures

    @property
    def about_metrics(self) -> list[str]:
        """What the words and intervals in the table of metrics mean, as far as it has them; one sentence each."""
        cells = [cell for line in self.metrics for cell in line.cells]
        words = {cell.standing for cell in cells}
        return [
            "Values share a line only if their metric, protocol and data agree"
            + ("." if any(line.shared for line in self.metrics) else ": here, no two runs share one."),
            *about_standings(words),
            *self.metric_remarks,
            *[ABOUT_INTERVALS] * any(cell.interval for cell in cells),
            *[ABOUT_UNFINISHED] * self.unfinished,
        ]

    @property
    def first(self) -> list[ByRun]:
        """The keys at the top of the page: all that decide the weights if these are few.

        Else those that say what is trained, and of those that all runs have as many as there is room for.
        """
        if len(self.deciding) <= FEW:
            return list(self.deciding)
        trained = [line for name in WHAT_IS_TRAINED for line in self.deciding if line.name == name]
        common = [line for line in self.deciding if line not in trained and NO_VALUE not in line.cells]
        of_loss_first = sorted(common, key=lambda line: not line.name.startswith("loss."))
        return [*trained, *of_loss_first[: FEW - len(trained)]]

    @property
    def folded(self) -> list[tuple[str, Sequence[ByRun]]]:
        """The other keys in groups, each with its heading."""
        rest = [line for line in self.deciding if line not in self.first]
        groups = {
            f"{'More k' if self.first else 'K'}eys that decide the weights": rest,
            "Keys without an effect on the weights": self.others,
        }
        return [(f"{heading}: {len(lines)}", lines) for heading, lines in groups.items() if lines]


def comparison_page(comparison: Comparison) -> bytes:
    """Return the page of a comparison as HTML in UTF-8. Raises `UsageError` as `report_of_comparison`."""
    report = report_of_comparison(comparison)
    by_name = {run.name: run for run in report.runs}
    charts = bool(report.curves.numbers)
    return render_page(TEMPLATE, report.title, {"report": report, "by_name": by_name}, charts=charts)


def report_of_comparison(comparison: Comparison) -> ComparisonReport:
    """Gather what the page shows. The models are loaded and run; a run that has none here is in the remarks.

    Raises `UsageError` for more than ten runs.
    """
    runs = comparison.runs
    if len(runs) > MOST_RUNS:
        raise UsageError(f"{len(runs)} runs: a page compares at most {MOST_RUNS}. Leave out some of them.")
    short = short_names(comparison.names)
    labels = [RunLabel(run.name, short[run.name], look_of(n), str(run.folder.path)) for n, run in enumerate(runs)]
    others = ("", " and one other", f" and {len(runs) - 2} others")[min(len(runs) - 2, 2)]
    deciding, without_weight = _differences(comparison)
    return ComparisonReport(
        title=f"{runs[0].name} against {runs[1].name}{others}",
        runs=labels,
        remarks=[
            *(remark for remark in comparison.remarks if remark not in comparison.remarks_on_protocols),
            *remarks_on_plans(runs),
        ],
        deciding=deciding,
        others=without_weight,
        metrics=_metrics(comparison),
        metric_remarks=comparison.remarks_on_protocols,
        unfinished=not all(run.folder.finished for run in runs),
        protocols=protocols_of_comparison(comparison),
        training=_training(runs),
        totals=[
            ByRun(key, [total_of(run, key) for run in runs])
            for key in dict.fromkeys(key for run in runs for key in run.totals)
        ],
        curves=charts_of_comparison(comparison, {label.name: label.look for label in labels}),
        pictures=pictures_of_comparison(comparison, PictureBudget(PICTURE_BYTES)),
    )


def _differences(comparison: Comparison) -> tuple[list[ByRun], list[ByRun]]:
    """Return the keys that differ: those that decide the weights, and the others."""
    deciding: list[ByRun] = []
    others: list[ByRun] = []
    for key, values in comparison.differences.items():
        line = ByRun(key, [_shortened(value_of_key(value)) for value in values])
        (others if key.split(".")[0] in WITHOUT_WEIGHT else deciding).append(line)
    return deciding, others


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _metrics(comparison: Comparison) -> list[MetricLine]:
    """Return the lines of the metrics, those that several runs share first."""
    unfinished = {run.name for run in comparison.runs if not run.folder.finished}
    collapsed = {run.name for run in comparison.runs if run.collapsed}
    lines = []
    for row in comparison.rows:
        standing = standings(row, unfinished, collapsed)
        cells = [
            MetricCell(value_of_metric(row, run), _interval(row, run), standing.get(run.name, Standing.NONE))
            for run in comparison.runs
        ]
        better = "" if row.better is None else f"{row.better} is better"
        note = _distinction(
            row, [other for other in comparison.rows if other is not row and {*other.labels} & {*row.labels}]
        )
        name = row.label + ARROWS[row.better].replace(" ", NO_BREAK_SPACE)
        lines.append(MetricLine(name, note, better, cells, shared=len(row.values) > 1))
    return sorted(lines, key=lambda line: not line.shared)


def _distinction(row: ComparisonRow, others: Sequence[ComparisonRow]) -> str:
    """Return what of its protocol a row does not share with others of the same label, and which weights to note."""
    own = [row.weights_note] if row.weights_note else []
    own += [part for part in own_parts(row, others) if part not in own]
    if any(other.protocol == row.protocol for other in others):
        own.append("on other data")
    return _shortened(", ".join(own))


def _interval(row: ComparisonRow, run: ComparedRun) -> str:
    interval = row.intervals.get(run.name)
    return "" if interval is None else f"{value_text(interval[0])} to {value_text(interval[1])}"


def _training(runs: Sequence[ComparedRun]) -> list[ByRun]:
    timings = [run.timing for run in runs]
    lines = {
        "recipe": [str(run.recipe.get("title", NO_VALUE)) for run in runs],
        "state": [run.progress for run in runs],
        "training time": [duration(timing.seconds) if timing else NO_VALUE for timing in timings],
        "steps a second": [
            value_text(timing.steps / timing.seconds) if timing and timing.seconds > 0 else NO_VALUE
            for timing in timings
        ],
        "peak memory": [
            quantity(timing.peak_memory, "B") if timing and timing.peak_memory else NO_VALUE for timing in timings
        ],
    }
    return [ByRun(name, cells) for name, cells in lines.items() if any(cell != NO_VALUE for cell in cells)]
