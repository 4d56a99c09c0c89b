"""A table as text: for a terminal, a Markdown page, a LaTeX article or a spreadsheet."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from genkit.tables.experiment import Experiment
from genkit.tables.results_file import CellResult
from genkit.tables.spec import TableSpec
from genkit.tables.summary import Line, Number, lines_of, protocols_of, remarks_of


@dataclass(frozen=True)
class ResultsTable:
    """A table and its numbers."""

    table: TableSpec
    lines: Sequence[Line]
    remarks: Sequence[str]
    protocols: Mapping[tuple[str, str, str], str]  # by row, column and metric
    runs: Mapping[str, str]  # run folder by experiment

    @classmethod
    def of(cls, table: TableSpec, experiments: Sequence[Experiment], kept: Mapping[str, CellResult]) -> ResultsTable:
        """Put what is kept in place."""
        runs = {str(each): kept[str(each)].run for each in experiments if str(each) in kept}
        remarks = remarks_of(table, experiments, kept)
        return cls(table, lines_of(table, experiments, kept), remarks, protocols_of(experiments), runs)

    @property
    def header(self) -> list[str]:
        """The titles of the columns, that of the rows and of the metrics first."""
        return ["", "metric", *(_one_line(column.title or name) for name, column in self.table.columns.items())]

    def rows(self, show: Callable[[Number | None], str]) -> list[list[str]]:
        """Return the body as text; a row's title stands on its first line only."""
        body, before = [], None
        for line in self.lines:
            title = _one_line(self.table.rows[line.row].title or line.row) if line.row != before else ""
            arrow = {"lower": " ↓", "higher": " ↑", None: ""}[line.better]
            body.append([title, line.metric + arrow, *(show(line.numbers[name]) for name in self.table.columns)])
            before = line.row
        return body

    def how(self) -> list[tuple[str, str]]:
        """Return how each metric is made; where that differs, with the rows or columns that it is said of."""
        told = []
        for metric in self.table.metrics:
            places: dict[str, list[tuple[str, str]]] = {}
            for (row, column, label), protocol in self.protocols.items():
                if label == metric:
                    places.setdefault(protocol, []).append((row, column))
            told += [(metric + of, protocol) for protocol, of in self._where(places).items()]
        return told

    def _where(self, places: Mapping[str, Sequence[tuple[str, str]]]) -> dict[str, str]:
        """Say briefly where each protocol holds: nothing if there is one, else in which rows, columns or cells."""
        if len(places) == 1:
            return dict.fromkeys(places, "")
        rows = {name: _one_line(row.title or name) for name, row in self.table.rows.items()}
        columns = {name: _one_line(column.title or name) for name, column in self.table.columns.items()}
        ways: list[Callable[[str, str], str]] = [
            lambda row, column: rows[row],
            lambda row, column: columns[column],
            lambda row, column: f"{rows[row]} / {columns[column]}",
        ]
        for way in ways:
            named = {protocol: {way(*place): None for place in of} for protocol, of in places.items()}
            if sum(map(len, named.values())) == len({name for names in named.values() for name in names}):
                break  # no name stands for two protocols
        return {protocol: f", {'; '.join(names)}" for protocol, names in named.items()}


def plain(number: Number | None) -> str:
    """Write a number for a terminal, the best with a star."""
    return "" if number is None else f"{number.text}{'*' if number.best else ''}{_published(number)}"


def _published(number: Number) -> str:
    return "" if number.published is None else f" [{number.published}]"  # with the digits that the table's author wrote


def _one_line(text: str) -> str:
    return " ".join(text.split())


def as_markdown(filled: ResultsTable) -> str:
    """Return the table, its remarks, the protocol of each metric and the run of each cell."""

    def show(number: Number | None) -> str:
        if number is None:
            return ""
        return (f"**{number.text}**" if number.best else number.text) + _published(number)

    rows = [filled.header, ["---"] * len(filled.header), *filled.rows(show)]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    lines = [f"**{filled.table.title}**", "", *lines]
    for remark in filled.remarks:
        lines += ["", remark]
    lines += ["", "How each number is made:", ""]
    lines += [f"- `{what}`: {protocol}" for what, protocol in filled.how()]
    lines += ["", "The run behind each cell, as row/column/seed:", ""]
    lines += [f"- {experiment}: `{run}`" for experiment, run in filled.runs.items()]
    return "\n".join(lines) + "\n"


GREEK = "αβγδεζηθικμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
LATEX = str.maketrans(
    {
        **{character: "\\" + character for character in "&%$#_{}"},
        **{character: f"${character}$" for character in "<>|"},
        **{
            character: f"{{{character}}}" for character in "[*"
        },  # after a line's end they would be read as its arguments
        **{character: rf"$\{unicodedata.name(character).split()[-1].lower()}$" for character in GREEK},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
        "±": r"$\pm$",
        "↓": r"$\downarrow$",
        "↑": r"$\uparrow$",
        "†": r"$\dagger$",
        "–": "--",
        "→": r"$\to$",
        "×": r"$\times$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
    }
)


def as_latex(filled: ResultsTable) -> str:
    """Return a `table` of the package booktabs; protocols and runs follow as comments."""

    def show(number: Number | None) -> str:
        if number is None:
            return ""
        text = number.text.translate(LATEX)
        return (f"\\textbf{{{text}}}" if number.best else text) + _published(number)

    def line(cells: Sequence[str]) -> str:
        return " & ".join(cells) + r" \\"

    body = [[*(cell.translate(LATEX) for cell in row[:2]), *row[2:]] for row in filled.rows(show)]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_one_line(' '.join([filled.table.title + '.', *filled.remarks])).translate(LATEX)}}}",
            rf"\begin{{tabular}}{{ll{'r' * len(filled.table.columns)}}}",
            r"\toprule",
            line([cell.translate(LATEX) for cell in filled.header]),
            r"\midrule",
            *map(line, body),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            *(f"% {what}: {protocol}" for what, protocol in filled.how()),
            *(f"% {experiment}: {run}" for experiment, run in filled.runs.items()),
            "",
        ]
    )


BY_SEED = ("values", "seeds", "runs")  # three lists of one length, with spaces between


def as_csv(filled: ResultsTable) -> str:
    """Return a line for each cell and metric: what the other forms round and put together, whole and apart."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["row", "column", "metric", "better", *BY_SEED, "published", "best", "stale", "protocol"])
    for line in filled.lines:
        for column, number in line.numbers.items():
            if number is not None:
                runs = [filled.runs[f"{line.row}/{column}/{seed}"] for seed in number.seeds]
                writer.writerow(
                    [
                        line.row,
                        column,
                        line.metric,
                        line.better or "",
                        " ".join(map(repr, number.values)) or number.lacks,
                        " ".join(map(str, number.seeds)),
                        " ".join(runs),
                        "" if number.published is None else number.published,
                        number.best,
                        number.stale,
                        filled.protocols.get((line.row, column, line.metric), ""),
                    ]
                )
    return out.getvalue()


FORMATS: dict[str, Callable[[ResultsTable], str]] = {"markdown": as_markdown, "latex": as_latex, "csv": as_csv}
