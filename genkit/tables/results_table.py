"""A results table ready to print: header, rows, remarks, and the protocol of every number.

`genkit.tables.formats` writes it as text for a terminal, Markdown, LaTeX or CSV; the columns of CSV and the
alignment of LaTeX are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from genkit.core.metric import INTERVAL, EvaluationProtocol
from genkit.evaluation.protocol_lines import ProtocolLine, protocol_lines
from genkit.tables.cell_number import CellNumber
from genkit.tables.cell_result import CellResult
from genkit.tables.experiment import Experiment
from genkit.tables.remarks import remarks_of
from genkit.tables.spec import TableSpec
from genkit.tables.table_lines import TableLine, lines_of

INTERVAL_SETTING = f"details.{INTERVAL}"  # among `EvaluationProtocol.settings`
LABEL_COLUMNS = ("", "metric")  # headings of the columns of text: the titles of the rows, and the metrics


@dataclass(frozen=True)
class ResultsTable:
    """A table with its numbers."""

    spec: TableSpec
    lines: Sequence[TableLine]
    remarks: Sequence[str]
    protocols: Mapping[tuple[str, str, str], EvaluationProtocol]  # by row, column and metric
    runs: Mapping[str, str]  # names of run folders by experiment

    @classmethod
    def of(cls, spec: TableSpec, experiments: Sequence[Experiment], kept: Mapping[str, CellResult]) -> ResultsTable:
        """Fill a table with kept results."""
        protocols = {
            (each.cell.row, each.cell.column, label): protocol
            for each in experiments
            for label, protocol in each.plan.protocols.items()
        }
        runs = {str(each): kept[str(each)].run for each in experiments if str(each) in kept}
        return cls(spec, lines_of(spec, experiments, kept), remarks_of(spec, experiments, kept), protocols, runs)

    @property
    def header(self) -> list[str]:
        """The headings: those of the columns of text, and of each column of the table."""
        return [*LABEL_COLUMNS, *(on_one_line(column.title or name) for name, column in self.spec.columns.items())]

    def rows(self, number_as_text: Callable[[CellNumber | None], str]) -> list[list[str]]:
        """Return the body as text, one list for each line, with the cells of `header`.

        The title of a row is in its first line only.
        """
        body, previous = [], None
        for line in self.lines:
            title = "" if line.row == previous else on_one_line(self.spec.rows[line.row].title or line.row)
            arrow = {"lower": " ↓", "higher": " ↑", None: ""}[line.better]
            numbers = [number_as_text(line.numbers[name]) for name in self.spec.columns]
            body.append([title, line.metric + arrow, *numbers])
            previous = line.row
        return body

    def protocol_rows(self) -> list[ProtocolLine]:
        """Return how the numbers are made, with the names of the metrics, rows, columns or cells that each line is for.

        What several metrics share is said once: see `evaluation.protocol_lines`. How intervals are made is left out if
        all numbers are means over seeds, which have none; `interval_rows` says it of the seeds.
        """
        return self._rows(lambda name: name != INTERVAL_SETTING or not self._are_means)

    def interval_rows(self) -> list[ProtocolLine]:
        """Return how the intervals of seeds are made, as far as `protocol_rows` does not say it."""
        return self._rows(lambda name: name == INTERVAL_SETTING) if self._are_means else []

    def _rows(self, shown: Callable[[str], bool]) -> list[ProtocolLine]:
        settings = {
            (metric, (row, column)): {name: text for name, text in protocol.settings.items() if shown(name)}
            for metric in self.spec.metrics
            for (row, column, label), protocol in self.protocols.items()
            if label == metric
        }
        rows = {name: on_one_line(row.title or name) for name, row in self.spec.rows.items()}
        columns = {name: on_one_line(column.title or name) for name, column in self.spec.columns.items()}
        return protocol_lines(
            {number: texts for number, texts in settings.items() if texts},
            lambda place: rows[place[0]],
            lambda place: columns[place[1]],
            lambda place: f"{rows[place[0]]} / {columns[place[1]]}",
        )

    @cached_property
    def _are_means(self) -> bool:
        """Whether there are numbers, and all are means over seeds."""
        measured = [number for line in self.lines for number in line.numbers.values() if number and number.values]
        return bool(measured) and all(len(number.values) > 1 for number in measured)


def on_one_line(text: str) -> str:
    """Return the text without line breaks."""
    return " ".join(text.split())
