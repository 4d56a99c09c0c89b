"""Results of metrics as a run writes them: in results.json, and in each line of evaluations.jsonl."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genkit.core.result import Result
from genkit.errors import UsageError
from genkit.storage.json_tables import parse_json, table_of
from genkit.storage.os_errors import ABSENT, unreadable

AGAIN = "computes the results again if the run has its last checkpoint. `genkit eval` prints them in any case."


def read_results(path: Path) -> list[Result]:
    """Return the results that a run wrote to a file. Raises `UsageError`."""
    try:
        return results_of(parse_json(path.read_bytes()))
    except ABSENT:
        raise UsageError(f"{path}: cannot be read: not found. `genkit resume` {AGAIN}") from None
    except ValueError as error:
        raise UsageError(f"{path}: damaged ({error}). Delete it and call `genkit resume`, which {AGAIN}") from None
    except OSError as error:
        raise unreadable(path, error) from None


def results_of(value: Any) -> list[Result]:
    """Return the results in a value that was read from JSON. Raises `ValueError` for anything else."""
    if not isinstance(value, list):
        raise ValueError("expected a list of results")
    return [Result.from_dict(table_of(facts, {})) for facts in value]
