"""Remarks of a resume, printed before it trains: what differs from an uninterrupted run, and what has been lost."""

from __future__ import annotations

from collections.abc import Iterator

from genkit.runs.checkpoint import changed_environment, read_facts
from genkit.runs.run_folder import RunFolder


def resume_remarks(folder: RunFolder, step: int) -> list[str]:
    """Return the remarks of a resume from the checkpoint of `step`. Raises `UsageError` if a file is damaged."""
    return [
        *(
            f"the bits may differ from an uninterrupted run: {difference}"
            for difference in changed_environment(folder.checkpoint(step))
        ),
        *_lost_lines(folder, step),
    ]


def _lost_lines(folder: RunFolder, step: int) -> Iterator[str]:
    written = read_facts(folder.checkpoint(step)).get("lines") or {}
    for log in folder.logs:
        kept = sum(line["step"] <= step for line in log.lines())
        before = written.get(log.path.name)
        if isinstance(before, int) and kept < before:
            yield f"{log.path}: has {kept} of the {before} lines that were written up to step {step}; {log.lost}"
