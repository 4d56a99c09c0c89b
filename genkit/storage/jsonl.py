"""Logs in JSON lines, one line for each logged step. A resumed run removes the lines after its checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.storage.atomic import write_file


@dataclass(frozen=True)
class StepLog:
    """File of JSON lines, each with the key "step", in the order of the steps. No line depends on the time of day."""

    path: Path
    lost: str  # what the user loses by deleting the file, such as "the curves are lost"

    def append(self, line: dict[str, Any]) -> None:
        """Append a line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def lines(self) -> list[dict[str, Any]]:
        """Return all lines except an incomplete last one. Raises `UsageError` if the file is damaged."""
        if not self.path.exists():
            return []
        try:
            complete = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            lines = [json.loads(line) for line in complete if line.endswith("\n")]
            if not all(isinstance(line, dict) and isinstance(line.get("step"), int) for line in lines):
                raise ValueError("a line without a step")
            return lines
        except ValueError as error:
            raise UsageError(f"{self.path}: damaged ({error}). Delete it: only {self.lost}.") from None

    def cut_back(self, step: int) -> None:
        """Remove the lines of the steps after `step`."""
        if not self.path.exists():
            return
        kept = [line for line in self.lines() if line["step"] <= step]
        write_file(self.path, "".join(json.dumps(line) + "\n" for line in kept).encode("utf-8"))
