"""Logs in JSON lines, one line for each logged step. A resumed run removes the lines after its checkpoint."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.storage.atomic import write_file
from genkit.storage.json_tables import parse_json, table_of
from genkit.storage.os_errors import unreadable
from genkit.storage.regular_file import open_regular, read_regular

NEAR_THE_END = 2**14  # bytes in which the last line of most logs lies


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
        """Return all lines except an incomplete last one. Raises `UsageError` if the file is damaged or unreadable."""
        *complete, _ = self._content().split(b"\n")
        lines: list[dict[str, Any]] = []
        for number, line in enumerate(complete, 1):
            try:
                lines.append(table_of(parse_json(line), {"step": int}))
                if number > 1 and lines[-2]["step"] >= lines[-1]["step"]:
                    raise ValueError(f"step {lines[-1]['step']} after step {lines[-2]['step']}")
            except json.JSONDecodeError as error:  # its own line number is that within the line
                raise self.damaged(f"line {number}, column {error.colno}: {error.msg}") from None
            except ValueError as error:
                raise self.damaged(f"line {number}: {error}") from None
        return lines

    def last(self) -> dict[str, Any] | None:
        """Return the last complete line, without reading the others; None if there is none. Raises as `lines`."""
        tail, most = self._tail(NEAR_THE_END), NEAR_THE_END
        while len(tail) == most and tail.count(b"\n") < 2:  # the last line may begin before it
            most *= 16
            tail = self._tail(most)
        *complete, _ = tail.split(b"\n")
        try:
            return table_of(parse_json(complete[-1]), {"step": int}) if complete else None
        except ValueError as error:
            raise self.damaged(f"last line: {error}") from None

    def count(self) -> int:
        """Return the number of complete lines, damaged ones included. Raises `UsageError` if they cannot be read."""
        return self._content().count(b"\n")

    def cut_back(self, step: int) -> None:
        """Remove the lines of the steps after `step`, and an incomplete last one. Raises `UsageError`, `OSError`."""
        kept = sum(line["step"] <= step for line in self.lines())
        content = self._content()
        remaining = b"".join(line + b"\n" for line in content.split(b"\n")[:kept])
        if remaining != content:
            write_file(self.path, remaining)

    def damaged(self, reason: object) -> UsageError:
        """Return the error for a file with other content than `append` writes."""
        return UsageError(f"{self.path}: damaged ({reason}). Delete it: only {self.lost}.")

    def _tail(self, most: int) -> bytes:
        """Return the last bytes of the file, at most `most`. Raises as `_content`."""
        try:
            with open_regular(self.path) as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - most))
                return file.read(most)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise unreadable(self.path, error) from None

    def _content(self) -> bytes:
        """Return the bytes of the file; none if it does not exist. Raises `UsageError` if it cannot be read."""
        try:
            return read_regular(self.path)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise unreadable(self.path, error) from None
