"""Pages of tiny runs, for tests that look at them in a browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from genkit.runs.on_disk.model_facts import FIT
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.report.write_report import write_report
from support.commands import IMAGES, TINY, genkit, write_recipe
from support.kill_and_resume import new_run
from support.models import write_model
from support.tiny_recipes import tiny_recipe

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}"

PRIOR = '[model.prior]\nuse = "full-mixture"\ncomponents = 3\n\n[loss]'
FIT_FACTS = {
    "samples": "60 samples of the train split",
    "iterations": 12,
    "converged": True,
    "log_likelihood": -2.5,
    "held_out_log_likelihood": None,
}
EARLIER = {"description": "N(0, I)", "log_likelihood": -3.0, "held_out_log_likelihood": -3.25}


def write_fit(folder: RunFolder, name: str) -> Path:
    """Write what the page of a run reads of a model folder with a fitted prior; return the path of its facts."""
    write_model(folder.path / name, TINY.replace("[loss]", PRIOR))
    about = folder.path / name / "about.json"
    fits = {"raw": FIT_FACTS, "ema": {**FIT_FACTS, "earlier": EARLIER}}
    about.write_text(json.dumps({**json.loads(about.read_text()), FIT: fits}))
    return about


def write_run_pages(root: Path) -> dict[str, Path]:
    """Train runs on images and on points and write their pages, in the working folder `root`.

    Further pages are of a run that has not begun, of one with hostile texts and two fitted priors, and of one with a
    phase that starts later.
    """
    for name, text in (("images", IMAGES), ("points", TINY)):
        options = ("--set", "report.draw_every=2", "--set", "report.log_every=1")
        assert genkit("run", write_recipe(root, text), "-q", "--runs", name, *options).code == 0
    runs = {name: RunFolder(root / name / "0001-tiny-s0") for name in ("images", "points")}
    runs["empty"] = new_run(root / "empty", tiny_recipe())
    runs["hostile"] = RunFolder(shutil.copytree(runs["points"].path, root / "hostile"))
    _make_hostile(runs["hostile"])
    for name in ("fitted", "fitted-best"):
        write_fit(runs["hostile"], name)
    runs["late"] = RunFolder(shutil.copytree(runs["points"].path, root / "late"))
    _start_a_phase_later(runs["late"])
    return {name: write_report(folder) for name, folder in runs.items()}


def _make_hostile(folder: RunFolder) -> None:
    """Put a hostile text into the title, the terms, the metrics and their protocols, and NaN into the log."""
    resolved = folder.resolved.read_text(encoding="utf-8")
    folder.resolved.write_text(resolved.replace('title = "tiny"', f"title = {json.dumps(HOSTILE)}"), encoding="utf-8")
    lines = [
        {**line, f"a/{HOSTILE}": float("nan"), f"a/{HOSTILE}_b": 1.0, "b/gone": float("inf"), f"a/{HOSTILE}_c": 2.0}
        for line in folder.lines()
    ]
    folder.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    results = json.loads(folder.results.read_text())
    for result in results:
        result["label"], result["protocol"]["details"] = HOSTILE, {HOSTILE: HOSTILE}
    folder.results.write_text(json.dumps(results))


def _start_a_phase_later(folder: RunFolder) -> None:
    """Let a phase start after half of the log, and let the best of several evaluations be in the first half."""
    lines = [{"step": step, "t": step / 40, "early/total": 1 / step} for step in range(1, 41)]
    lines = [{**line, "late/total": 0.1} if line["step"] > 20 else line for line in lines]
    lines = [{**line, "later/total": 0.1} if line["step"] > 22 else line for line in lines]
    folder.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (result,) = json.loads(folder.results.read_text())[:1]
    values = [(10, 3.0), (20, 1.0), (30, 2.0), (40, 2.5)]
    records = [{"step": step, "results": [{**result, "better": "lower", "value": value}]} for step, value in values]
    folder.evaluations.path.write_text("".join(json.dumps(record) + "\n" for record in records))
