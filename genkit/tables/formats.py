"""Text of a results table for a terminal, a Markdown page, a LaTeX article or a spreadsheet (CSV)."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable, Sequence

from genkit.errors import UsageError
from genkit.tables.cell_number import CellNumber
from genkit.tables.results_table import LABEL_COLUMNS, ResultsTable, on_one_line


def check_format(name: str) -> None:
    """Raise `UsageError` unless `name` is a key of `FORMATS`, or empty."""
    if name and name not in FORMATS:
        raise UsageError(f"--format {name}: unknown; choose {', '.join(FORMATS)}.")


def terminal_number(number: CellNumber | None) -> str:
    """Return a number for a terminal; the best one has a star."""
    return "" if number is None else f"{number.text}{'*' if number.best else ''}{_published(number)}"


def _published(number: CellNumber) -> str:
    return "" if number.published is None else f" [{number.published}]"  # with the digits of the table file


def as_markdown(table: ResultsTable) -> str:
    """Return the table, its remarks, the protocol of each metric and the run of each cell."""
    rows = [table.header, ["---"] * len(table.header), *table.rows(_markdown_number)]
    lines = [f"**{table.spec.title}**", ""]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    for remark in table.remarks:
        lines += ["", remark]
    lines += ["", "How each number is made:", ""]
    lines += [f"- {of}: {settings}" for of, settings in table.protocol_rows()]
    lines += ["", "The run behind each cell, as row/column/seed:", ""]
    lines += [f"- {experiment}: `{run}`" for experiment, run in table.runs.items()]
    return "\n".join(lines) + "\n"


def _markdown_number(number: CellNumber | None) -> str:
    if number is None:
        return ""
    return (f"**{number.text}**" if number.best else number.text) + _published(number)


GREEK = "αβγδεζηθικμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
LATEX = str.maketrans(
    {
        **{character: "\\" + character for character in "&%$#_{}"},
        **{character: f"${character}$" for character in "<>|"},
        **{character: f"{{{character}}}" for character in "[*"},  # after \\ they would be read as its arguments
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


def as_latex(table: ResultsTable) -> str:
    """Return a `table` environment for the package booktabs; protocols and runs follow as comments."""
    labels = len(LABEL_COLUMNS)
    body = [[*(cell.translate(LATEX) for cell in row[:labels]), *row[labels:]] for row in table.rows(_latex_number)]
    caption = on_one_line(" ".join([f"{table.spec.title}.", *table.remarks])).translate(LATEX)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\begin{{tabular}}{{{'l' * labels}{'r' * len(table.spec.columns)}}}",
            r"\toprule",
            _latex_row([cell.translate(LATEX) for cell in table.header]),
            r"\midrule",
            *map(_latex_row, body),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            *(f"% {of}: {settings}" for of, settings in table.protocol_rows()),
            *(f"% {experiment}: {run}" for experiment, run in table.runs.items()),
            "",
        ]
    )


def _latex_number(number: CellNumber | None) -> str:
    if number is None:
        return ""
    text = number.text.translate(LATEX)
    return (f"\\textbf{{{text}}}" if number.best else text) + _published(number)


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


CSV_COLUMNS = (
    *("row", "column", "metric", "better"),
    *("values", "seeds", "runs"),  # lists of equal length, separated by spaces
    *("published", "best", "stale", "protocol"),
    *("low", "high"),  # ends of the confidence intervals, lists as `values`; empty if no value has an interval
    "missing",  # why there are no values, such as "not run"; empty if there are
)


def as_csv(table: ResultsTable) -> str:
    """Return one line for each cell and metric, with the number of every seed in full precision."""
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for line in table.lines:
        for column, number in line.numbers.items():
            if number is None:
                continue
            runs = [table.runs[f"{line.row}/{column}/{seed}"] for seed in number.seeds]
            writer.writerow(
                {
                    "row": line.row,
                    "column": column,
                    "metric": line.metric,
                    "better": line.better or "",
                    "values": " ".join(map(repr, number.values)),
                    "seeds": " ".join(map(str, number.seeds)),
                    "runs": " ".join(runs),
                    "published": "" if number.published is None else number.published,
                    "best": number.best,
                    "stale": number.stale,
                    "protocol": str(table.protocols.get((line.row, column, line.metric), "")),
                    "low": _ends(number, 0),
                    "high": _ends(number, 1),
                    "missing": "" if number.values else number.without_values,
                }
            )
    return out.getvalue()


def _ends(number: CellNumber, end: int) -> str:
    if not any(number.intervals):
        return ""
    return " ".join("nan" if interval is None else repr(interval[end]) for interval in number.intervals)


FORMATS: dict[str, Callable[[ResultsTable], str]] = {"markdown": as_markdown, "latex": as_latex, "csv": as_csv}
