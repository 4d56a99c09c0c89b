"""A results table ready to print: header, rows, remarks, and the protocol of every number.

`genkit.tables.formats` writes it as text for a terminal, Markdown, LaTeX or CSV; the columns of CSV and the
alignment of LaTeX are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from genkit.core.metric import EvaluationProtocol
from genkit.evaluation.protocol_lines import ProtocolLine, Text, protocol_lines
from genkit.tables.cell_number import CellNumber
from genkit.tables.cell_result import CellResult
from genkit.tables.experiment import Experiment
from genkit.tables.remarks import remarks_of
from genkit.tables.spec import TableSpec
from genkit.tables.table_lines import TableLine, lines_of

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

        What several metrics share is said once: see `evaluation.protocol_lines`.
        """
        settings = {
            (metric, (row, column)): protocol.settings
            for metric in self.spec.metrics
            for (row, column, label), protocol in self.protocols.items()
            if label == metric
        }
        return protocol_lines(settings, self._describe_places)

    def _describe_places(self, places: Mapping[Text, Sequence[tuple[str, str]]]) -> dict[Text, str]:
        """Return where each protocol applies: by rows if rows tell the protocols apart, else by columns or cells."""
        rows = {name: on_one_line(row.title or name) for name, row in self.spec.rows.items()}
        columns = {name: on_one_line(column.title or name) for name, column in self.spec.columns.items()}
        describe: list[Callable[[str, str], str]] = [
            lambda row, column: rows[row],
            lambda row, column: columns[column],
            lambda row, column: f"{rows[row]} / {columns[column]}",
        ]
        for name_of in describe:
            names = {protocol: {name_of(*place): None for place in found} for protocol, found in places.items()}
            distinct = {name for of_protocol in names.values() for name in of_protocol}
            if sum(map(len, names.values())) == len(distinct):  # no name is in two protocols
                break
        return {protocol: "; ".join(of_protocol) for protocol, of_protocol in names.items()}


def on_one_line(text: str) -> str:
    """Return the text without line breaks."""
    return " ".join(text.split())
