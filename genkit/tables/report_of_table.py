"""What the page of a table of results shows: numbers, ties, heat maps, the value of every seed, protocols, remarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genkit.evaluation.protocol_lines import ProtocolLine
from genkit.pages.heat_map import HeatMap
from genkit.pages.opening import opening_and_rest
from genkit.pages.render import render_page
from genkit.tables.cell_number import CellNumber
from genkit.tables.different_data import find_different_data
from genkit.tables.open_table import OpenTable
from genkit.tables.report_of_seeds import SeedsOfRow, seeds_of_rows
from genkit.tables.results_table import ResultsTable, on_one_line
from genkit.tables.signs import signs_of
from genkit.tables.table_heat import NO_CELL, heat_maps
from genkit.tables.table_lines import TableLine
from genkit.tables.verdict import Verdict, verdict

TEMPLATE = "table.html.jinja"
ENVIRONMENT = ("genkit", "torch", "python", "machine", "threads")
TIED_LINES = (
    "Tied: no number is best. Named are the column with the best mean and those that it does not beat with every seed, "
    "or whose seeds are too few to exclude chance. If its seeds spread widely, a column is named although another one, "
    "whose seeds are all beaten, has a better mean."
)
BLANK_LINES = "Lines without a best column: a seed is missing, or the metric has no better direction."


@dataclass(frozen=True)
class ShownNumber:
    """One cell of a line."""

    text: str
    published: str = ""
    best: bool = False
    missing: bool = False
    lines: int = 1  # that the cell covers: one that is not in the table covers all lines of its row; 0: covered by it

    @property
    def absent(self) -> bool:
        """Whether the table has no such cell."""
        return self.text == NO_CELL


@dataclass(frozen=True)
class ShownLine:
    """One metric of one row."""

    row: str  # title; empty in all lines of a row but its first
    count: str  # of seeds, beside the title, if all numbers of the row lack as many: "1 of 3"
    metric: str
    better: str
    total: str  # of what the metric counts: "of 8"; empty for another metric
    numbers: Sequence[ShownNumber]
    verdict: Verdict


@dataclass(frozen=True)
class TableReport:
    """A table of results as its page shows it."""

    title: str
    facts: Mapping[str, str]
    note: str  # what the numbers are, by the author of the table: its first sentences; may be empty
    more: str  # the rest of the note
    signs: Sequence[tuple[str, str]]  # in the numbers, each with its meaning
    columns: Sequence[str]
    lines: Sequence[ShownLine]
    heat: Sequence[HeatMap]
    seeds: Sequence[str]
    values: Sequence[SeedsOfRow]
    intervals: bool  # whether values of seeds have intervals
    interval_protocols: Sequence[ProtocolLine]  # how these are made, if `protocols` do not say it
    protocols: Sequence[ProtocolLine]
    remarks: Sequence[str]
    environment: Sequence[tuple[str, str]]

    @property
    def about_verdicts(self) -> list[str]:
        """What the words and blanks of the column "best" mean, as far as they occur; one sentence each."""
        found = [line.verdict for line in self.lines]
        return [
            *[TIED_LINES] * any(each.tied for each in found),
            *[BLANK_LINES] * any(not each.leading for each in found),
        ]


def table_page(table: OpenTable) -> bytes:
    """Return the page of a table as HTML in UTF-8. Raises `UsageError` if the kept results cannot be read."""
    report = report_of_table(table)
    return render_page(TEMPLATE, report.title, {"report": report}, charts=False)


def report_of_table(table: OpenTable) -> TableReport:
    """Gather what the page shows from the kept results; nothing is trained. Raises `UsageError` as `table_page`."""
    results = table.results()
    spec = table.spec
    kept = [str(each) for each in table.experiments if str(each) in table.kept]
    facts = {
        "rows": str(len(spec.rows)),
        "columns": str(len(spec.columns)),
        "training seeds": ", ".join(map(str, spec.seeds)),
        "kept results": f"{len(kept)} of {len(table.experiments)}",
    }
    note, more = opening_and_rest(spec.note)
    counts = {row: _count_of([line for line in results.lines if line.row == row]) for row in spec.rows}
    return TableReport(
        title=on_one_line(spec.title),
        facts=facts,
        note=note,
        more=more,
        signs=signs_of(results.lines, spec.seeds, {row for row, count in counts.items() if count}),
        columns=[on_one_line(column.title or name) for name, column in spec.columns.items()],
        lines=_lines(table, results, counts),
        heat=heat_maps(table, results.lines),
        seeds=[str(seed) for seed in spec.seeds],
        values=list(seeds_of_rows(table, results)),
        interval_protocols=results.interval_rows(),
        intervals=any(any(number.intervals) for line in results.lines for number in line.numbers.values() if number),
        protocols=results.protocol_rows(),
        remarks=[remark for remark in results.remarks if remark != spec.note.strip()],
        environment=_environment(table, kept),
    )


def _lines(table: OpenTable, results: ResultsTable, counts: Mapping[str, str]) -> list[ShownLine]:
    titles = {name: on_one_line(column.title or name) for name, column in table.spec.columns.items()}
    mixed = {(each.row, each.metric) for each in find_different_data(table.spec, table.experiments, table.kept)}
    body: list[ShownLine] = []
    previous = None
    for line in results.lines:
        first = line.row != previous
        of_row = [other for other in results.lines if other.row == line.row]
        previous = line.row
        count = counts[line.row]
        body.append(
            ShownLine(
                row=on_one_line(table.spec.rows[line.row].title or line.row) if first else "",
                count=count if first else "",
                metric=line.metric,
                better=line.better or "",
                total=f"of {line.scale.best:g}" if line.scale and line.scale.counts else "",
                numbers=[
                    _absent(of_row, line, column) or _shown(line.numbers[column], counted=bool(count))
                    for column in table.spec.columns
                ],
                verdict=verdict(line, titles, (line.row, line.metric) not in mixed),
            )
        )
    return body


def _count_of(lines: Sequence[TableLine]) -> str:
    """Return how many seeds the numbers of a row have, ``1 of 3``, if all lack as many; else empty."""
    numbers = [number for line in lines for number in line.numbers.values() if number is not None and number.values]
    counts = {number.count for number in numbers}
    return counts.pop() if len(counts) == 1 and not numbers[0].complete else ""


def _absent(of_row: Sequence[TableLine], line: TableLine, column: str) -> ShownNumber | None:
    """Return what stands in place of a cell that is not in the table, once for all lines of its row; else None."""
    if line.numbers[column] is not None:
        return None
    if any(other.numbers[column] is not None for other in of_row):  # one of them has a published number
        return ShownNumber(NO_CELL, missing=True)
    return ShownNumber(NO_CELL, missing=True, lines=len(of_row) if line is of_row[0] else 0)


def _shown(number: CellNumber | None, *, counted: bool) -> ShownNumber:
    """Return a number as its cell shows it. With `counted`, the title of its row says of how many seeds it is."""
    assert number is not None  # else it is absent
    published = "" if number.published is None else f"[{number.published}]"
    text = number.marked_text if counted and number.values else number.text
    return ShownNumber(text, published, number.best, missing=not number.values)


def _environment(table: OpenTable, kept: Sequence[str]) -> list[tuple[str, str]]:
    """Return the versions and machines of the kept runs, each once."""
    found = {
        name: dict.fromkeys(str(facts[name]) for run in kept if name in (facts := table.kept[run].made_with))
        for name in ENVIRONMENT
    }
    return [(name, ", ".join(values)) for name, values in found.items() if values]
