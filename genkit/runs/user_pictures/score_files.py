"""The files of scores: a table for spreadsheets and a line of JSON a picture."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from genkit.runs.user_pictures.score_pictures import ScoredSets
from genkit.storage.atomic import new_file

COLUMNS = ("set", "name", "score", "abnormal", "threshold")


def write_score_files(table: Path, lines: Path, scored: ScoredSets) -> None:
    """Write `table`, a CSV file, and `lines`, a file of JSON lines, with a row for each picture of each set.

    Numbers have as many digits as it takes to read the same float64 again. Raises `OSError`.
    """
    with new_file(table) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for row in _rows(scored):
            writer.writerow((row | {"abnormal": "yes" if row["abnormal"] else "no"}).values())
        text.detach()
    with new_file(lines) as file:
        for row in _rows(scored):
            file.write(f"{json.dumps(row, ensure_ascii=False)}\n".encode())


def _rows(scored: ScoredSets) -> Iterator[dict[str, Any]]:
    for each in scored.every:
        for name, score in zip(each.names, each.scores.tolist(), strict=True):
            values = (each.name, name, score, score > scored.threshold, scored.threshold)
            yield dict(zip(COLUMNS, values, strict=True))
