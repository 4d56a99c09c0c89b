"""A table of results on the terminal: its numbers, how they are made, and remarks."""

from __future__ import annotations

from genkit.console.output import Console
from genkit.runs.results_report import print_protocols
from genkit.tables.formats import terminal_number
from genkit.tables.results_table import LABEL_COLUMNS, ResultsTable


def print_table(table: ResultsTable, console: Console) -> None:
    """Print the numbers, then the protocols, then the remarks."""
    console.table(table.spec.title, table.header, table.rows(terminal_number), repeat=len(LABEL_COLUMNS))
    print_protocols(table.protocol_rows(), console)
    for remark in table.remarks:
        console.prose(remark)
