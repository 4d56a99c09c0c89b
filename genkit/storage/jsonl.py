"""Lines of JSON, each of a step: what a run writes down while it trains, and takes back when it is resumed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.storage.atomic import write_file


@dataclass(frozen=True)
class StepLog:
    """A file with a line for each of some steps, in their order. Nothing in it depends on the clock."""

    path: Path
    lost: str  # what is lost if a person deletes the file

    def append(self, line: dict[str, Any]) -> None:
        """Add a line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def lines(self) -> list[dict[str, Any]]:
        """Return the whole lines; a last one that was cut short is left out. Raises `UsageError` for damage."""
        if not self.path.exists():
            return []
        try:
            whole = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            lines = [json.loads(line) for line in whole if line.endswith("\n")]
            if not all(isinstance(line, dict) and isinstance(line.get("step"), int) for line in lines):
                raise ValueError("a line has no step")
            return lines
        except ValueError as error:
            raise UsageError(f"{self.path}: is damaged: {error}. Delete it: only {self.lost}.") from None

    def cut_back(self, step: int) -> None:
        """Take back the lines of steps after `step`."""
        if not self.path.exists():
            return
        kept = [line for line in self.lines() if line["step"] <= step]
        write_file(self.path, "".join(json.dumps(line) + "\n" for line in kept).encode("utf-8"))
