"""The result: one JSON file, rewritten as rows arrive, and the tables that are printed at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.gpu.parts import PARTS
from benchmarks.gpu.rows import Row
from genkit.console.output import Console
from genkit.storage.atomic import write_file

SPEED = {
    "genkit_ms": ("genkit, ms", "{:.2f}"),
    "published_ms": ("published, ms", "{:.2f}"),
    "ratio": ("ratio", "{:.2f}"),
    "images_per_s": ("images/s", "{:,.0f}"),
    "peak_mb": ("MB", "{:,.0f}"),
    "published_peak_mb": ("published, MB", "{:,.0f}"),
    "share_of_product": ("share of product", "{:.0%}"),
    "waiting_for_data": ("waiting for data", "{:.1%}"),
    "first_block_s": ("first block, s", "{:.1f}"),
}


@dataclass
class Result:
    """What has been measured so far."""

    settings: dict[str, Any]
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)  # name -> seconds, rows
    complete: bool = False

    def rows(self) -> Iterator[Row]:
        """Yield all rows."""
        for part in self.parts.values():
            yield from part["rows"]

    @property
    def failures(self) -> int:
        """The number of claims that do not hold, errors included."""
        return sum(row["ok"] is False for row in self.rows())

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all. Raises `OSError`."""
        claims = sum(row["ok"] is not None for row in self.rows())
        facts = {
            "settings": self.settings,
            "complete": self.complete,
            "claims": claims,
            "failures": self.failures,
            "parts": self.parts,
        }
        write_file(path, (json.dumps(facts, indent=1) + "\n").encode())

    def print(self, console: Console) -> None:
        """Print a table for each part, and a line about all of them."""
        for name, part in self.parts.items():
            rows, title = part["rows"], f"{name}, {part['seconds']:.0f} s: {PARTS[name].what}"
            timed = [row for row in rows if "genkit_ms" in row]
            if timed:
                cells = [
                    (row["case"], row["what"], *(_cell(row.get(key), SPEED[key][1]) for key in SPEED)) for row in timed
                ]
                console.table(title, ("case", "", *(title for title, _ in SPEED.values())), cells)
            others = [(row["case"], row["what"], *_verdict(row)) for row in rows if "genkit_ms" not in row]
            console.table("" if timed else title, ("case", "", "value", "bound", "result"), others)
        claims = sum(row["ok"] is not None for row in self.rows())
        missing = sum("left_out" in row for row in self.rows())
        state = f" {missing} checks were left out." if missing else ""
        state += "" if self.complete else " The program was stopped before its end."
        console.print(f"{claims - self.failures} of {claims} claims hold, {self.failures} fail.{state}")


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _verdict(row: Row) -> tuple[str, str, str]:
    """Return the value, the bound and the result of a row."""
    value, bound = (
        "" if row.get(key) is None else f"{row[key]:.2g}" if not isinstance(row[key], str) else row[key]
        for key in ("value", "bound")
    )
    if "error" in row:
        return value, bound, f"FAILED: {row['error']}"
    if "left_out" in row:
        return value, bound, f"left out: {row['left_out']}"
    if row["ok"] is None:
        known = {key: number for key, number in row.items() if key not in ("case", "what", "ok")}
        return (
            value,
            bound,
            ", ".join(
                f"{key} {number:.4g}" if isinstance(number, float) else f"{key} {number}"
                for key, number in known.items()
            ),
        )
    return value, bound, "holds" if row["ok"] else f"FAILED {row.get('places') or row.get('differ') or ''}".strip()
