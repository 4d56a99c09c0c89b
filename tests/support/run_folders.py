"""Run folders that are written by hand: nothing is trained."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from genkit.runs.on_disk.run_folder import RunFolder

PROTOCOL = {"seed": 0, "samples": 100, "split": "test", "weights": "raw"}


def write_run(
    path: Path,
    *,
    title: str = "tiny",
    train: str = "steps = 100",
    tables: str = "",
    steps: Iterable[int] = (),
    total: int = 100,
    saved: Iterable[int] = (),
    results: Iterable[Mapping[str, Any]] | None = None,
) -> RunFolder:
    """Write a run with lines of the log at `steps`, checkpoints at `saved`, and with `results` a finished one."""
    folder = RunFolder(path)
    path.mkdir(parents=True)
    folder.resolved.write_text(f"title = {json.dumps(title)}\n[train]\nbatch_size = 4\n{train}\n{tables}")
    for step in steps:
        folder.append({"step": step, "t": (step - 1) / total, "vae/total": 1.5})
    for step in saved:
        folder.checkpoint(step).mkdir(parents=True)
    if results is not None:
        folder.results.write_text(json.dumps([{**facts, "protocol": PROTOCOL} for facts in results]))
        folder.final.mkdir()
        (folder.final / "about.json").write_text(json.dumps({"step": total}))
    return folder


def result(label: str, value: float | None, better: str | None = None) -> dict[str, Any]:
    """Return what a run writes about the value of a metric, but for the protocol."""
    return {"label": label, "value": value, "better": better, "reason": "" if value is not None else "refused"}
