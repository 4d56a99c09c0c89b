"""The results file of a table: JSON beside the table file, to be committed. It outlives the run folders.

    {"format": 1, "table": "table1.toml",
     "cells": {"C1/vae/0": {"run": ..., "recipe": DIGEST, "failure": "", "results": {LABEL: {...}}, "made_with": ...}},
     "recipes": {DIGEST: {...}}, "protocols": {DIGEST: {...}}}

Recipes and protocols that several runs share are stored once.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit.core.result import Result
from genkit.errors import UsageError
from genkit.storage.json_tables import parse_json, table_of
from genkit.storage.listing import exists
from genkit.storage.lock_beside import lock_beside
from genkit.storage.os_errors import describe_os_error
from genkit.storage.text_files import write_text
from genkit.tables.cell_result import CellResult

FORMAT = 1
COLLECTED_AGAIN = "the results of finished runs are then collected again from their run folders."


@dataclass(frozen=True)
class ResultsFile:
    """Reads and writes the results file of one table.

    `add` holds a lock while it reads the file and replaces it, so that two commands can work on one table at a time.
    """

    path: Path
    table: str  # the name of the table file
    shipped: Path | None = None  # results to begin with; this file is never written to

    def read(self) -> dict[str, CellResult]:
        """Return the kept results by experiment, such as ``C1/vae/0``; none if the file does not exist.

        Raises `UsageError` if the file cannot be read, is damaged, or belongs to another table.
        """
        path = self.path if self.shipped is None or exists(self.path) else self.shipped
        if not exists(path):
            return {}
        try:
            content = table_of(parse_json(path.read_bytes()), {})
            self._check_header(content)
            return {name: _cell_result(facts, content) for name, facts in content["cells"].items()}
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be read: {describe_os_error(error, self.path)}.") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = error if isinstance(error, ValueError) else "not a results file of genkit table"
            raise UsageError(
                f"{self.path}: damaged ({reason}). Restore it from version control, or move it away; {COLLECTED_AGAIN}"
            ) from None

    def add(self, name: str, result: CellResult) -> None:
        """Write the result of one experiment into the file. Raises `UsageError`."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with lock_beside(self.path):
                content = self._content({**self.read(), name: result})
                write_text(self.path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        except OSError as error:
            reason = describe_os_error(error, self.path)
            raise UsageError(f"{self.path}: cannot be written: {reason}. Choose another file with --cells.") from None

    def _check_header(self, content: Mapping[str, Any]) -> None:
        if content["format"] != FORMAT:
            raise UsageError(
                f"{self.path}: has format {content['format']}, but this version of genkit reads format {FORMAT}. Use "
                f"the version that wrote it, or move it away; {COLLECTED_AGAIN}"
            )
        if content["table"] != self.table:
            raise UsageError(
                f"{self.path}: holds the results of {content['table']}, not of {self.table}. Choose another file with "
                f'--cells. If the table was renamed, write "table": "{self.table}" in this file.'
            )

    def _content(self, cells: Mapping[str, CellResult]) -> dict[str, Any]:
        recipes = {cell.digest: cell.recipe for cell in cells.values()}
        protocols: dict[str, Any] = {}
        entries = {}
        for name, cell in sorted(cells.items()):
            results = {}
            for label, result in cell.results.items():
                facts = result.as_dict()
                protocol = facts.pop("protocol")
                protocols[digest := _digest(protocol)] = protocol
                results[label] = {**facts, "protocol": digest}
            entries[name] = {
                "run": cell.run,
                "recipe": cell.digest,
                "failure": cell.failure,
                "results": results,
                "made_with": cell.made_with,
            }
        shared = {"recipes": dict(sorted(recipes.items())), "protocols": dict(sorted(protocols.items()))}
        return {"format": FORMAT, "table": self.table, "cells": entries, **shared}


def _cell_result(facts: Mapping[str, Any], content: Mapping[str, Any]) -> CellResult:
    """Return an entry of the file; raises what `read` catches if it is damaged."""
    results = {
        label: Result.from_dict({**result, "protocol": content["protocols"][result["protocol"]]})
        for label, result in facts["results"].items()
    }
    for label, result in results.items():
        if result.value is not None and not math.isfinite(result.value):
            raise ValueError(f"{label} is {result.value}")
        if result.interval is not None and not (result.interval[0] <= result.interval[1]):
            raise ValueError(f"{label} has the interval {result.interval}")
    recipe = content["recipes"][facts["recipe"]]
    texts, tables = (facts["run"], facts["failure"]), (recipe, facts["made_with"])
    if not (all(isinstance(text, str) for text in texts) and all(isinstance(table, dict) for table in tables)):
        raise TypeError
    return CellResult(facts["run"], facts["recipe"], recipe, results, facts["failure"], facts["made_with"])


def _digest(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=4).hexdigest()
