"""The folder of one run, and the paths of the files in it.

runs/0007-as-introvae-8gaussians-s0/
    recipe.toml             the recipe as the user wrote it
    recipe.resolved.toml    the recipe with all overrides and defaults; `genkit resume` reads this file
    metrics.jsonl           one line every `log_every` steps; no line depends on the time of day
    evaluations.jsonl       one line for each evaluation during training: the results and their protocols
    samples/                pictures drawn during training, named by step
    strip/                  samples of fixed latent codes at a few steps: the rows of figures/stability.png
    checkpoints/            step-00001000/{state.safetensors,state.json}
    stopped.json            the last step and the reason, if a callback has stopped the run
    failed.json             why the training has failed, until a resume
    timing.json             seconds, steps and memory of the training
    results.json            the metrics after the last step, and their protocols
    figures/                samples, reconstructions and stability strip, drawn after the last step
    curves.png              the logged terms and metrics over the steps
    report.html             all of this as one page, written when the run ends, however it ends
    final/                  model folder of the last step: weights, recipe and facts, for `genkit.load`
    best/                   model folder of the best step by one metric
    fitted/                 model folder of the last step, with a prior fitted to codes; `genkit fit-prior` writes it
    fitted-best/            the same of best/
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import tomli_w

from genkit.errors import UsageError
from genkit.recipe.text.document import Document
from genkit.recipe.text.whole_text import with_mark
from genkit.runs.on_disk.not_a_run_folder import not_a_run_folder
from genkit.runs.on_disk.numbered_folder import create_numbered
from genkit.runs.on_disk.resolved_recipe import has_lost_recipe, tables_of_run
from genkit.runs.on_disk.run_lock import run_lock
from genkit.runs.on_disk.step_names import name_of_step, steps_in
from genkit.storage.atomic import write_file
from genkit.storage.jsonl import StepLog
from genkit.storage.listing import exists
from genkit.storage.names import ABOUT, RECIPE, RESOLVED
from genkit.storage.os_errors import describe_os_error, why_unwritable
from genkit.storage.text_files import write_text


class RunFolder:
    """Folder of one run. Creating this object neither reads nor writes the folder."""

    def __init__(self, path: Path):
        self.path = path
        self.metrics = path / "metrics.jsonl"
        self.samples = path / "samples"
        self.strip = path / "strip"
        self.figures = path / "figures"
        self.curves = path / "curves.png"
        self.report = path / "report.html"
        self.checkpoints = path / "checkpoints"
        self.results = path / "results.json"
        self.timing = path / "timing.json"
        self.stopped = path / "stopped.json"
        self.failed = path / "failed.json"
        self.final = path / "final"
        self.best = path / "best"
        self.step_log = StepLog(self.metrics, "the curves are lost")
        self.evaluations = StepLog(path / "evaluations.jsonl", "the evaluations are lost")

    def __fspath__(self) -> str:
        """Return the path, so that `genkit.load` accepts what `genkit.train` returns."""
        return str(self.path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def create(cls, root: Path, document: Document, resolved: dict[str, Any], notes: Iterable[str] = ()) -> RunFolder:
        """Create the next numbered folder in `root` and write the recipe into it.

        `notes` become comments of the resolved recipe, one a line: the plugins that supply the parts, for users who
        resume the run without them, and what the data decide.
        Raises `UsageError` if the folder cannot be written.
        """
        source = Path(document.file)
        name = source.stem if source.suffix == ".toml" else str(resolved["title"])
        try:
            folder = cls(create_numbered(root, name, resolved["seed"]))
            folder.begin(document, resolved, notes)
        except OSError as error:
            raise UsageError(
                f"{root}: cannot create a run folder: {describe_os_error(error, root)}. Choose another folder with "
                "--runs."
            ) from None
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Return the run at `path`. Raises `UsageError` if it is not a run folder, or if its recipe is damaged."""
        if not exists(path / RESOLVED) and not has_lost_recipe(path):
            raise not_a_run_folder(path)
        tables_of_run(path / RESOLVED)
        return cls(path)

    def begin(self, document: Document, resolved: dict[str, Any], notes: Iterable[str] = ()) -> None:
        """Write the recipe into the folder, which `genkit resume` accepts from then on. Raises `OSError`."""
        self.path.mkdir(parents=True, exist_ok=True)
        source = Path(document.file)
        if source.is_file():
            write_file(self.path / RECIPE, source.read_bytes())
        else:
            write_text(self.path / RECIPE, tomli_w.dumps(document.tables))
        header = "".join(f"# {line}\n" for line in ("Every key, defaults included. Supplied by:", *notes))
        write_text(self.resolved, with_mark(header + tomli_w.dumps(resolved)))

    @property
    def resolved(self) -> Path:
        """The recipe with all overrides and defaults, which `genkit resume` reads."""
        return self.path / RESOLVED

    @property
    def finished(self) -> bool:
        """Whether the run has finished. The facts in final/ are the last file that a run writes."""
        return exists(self.final / ABOUT)

    @property
    def logs(self) -> tuple[StepLog, StepLog]:
        """The logs of the steps and of the evaluations."""
        return self.step_log, self.evaluations

    def locked(self) -> AbstractContextManager[None]:
        """Return a context that locks the run for this process.

        It raises `UsageError` if another process holds the lock, or if the folder cannot be written.
        """
        return run_lock(self.path, self._why_unwritable())

    def checkpoint(self, step: int) -> Path:
        """Return the path of the checkpoint of a step."""
        return self.checkpoints / name_of_step(step)

    def row(self, step: int) -> Path:
        """Return the path of the stability strip's row of a step."""
        return self.strip / f"{name_of_step(step)}.npy"

    def saved_steps(self) -> list[int]:
        """Return the steps that have a checkpoint, in ascending order.

        Raises `UsageError` if they cannot be listed: a run whose checkpoints are hidden must not start again.
        """
        return steps_in(self.checkpoints)

    def keep_newest(self, count: int) -> None:
        """Delete all checkpoints except the newest `count`."""
        for step in self.saved_steps()[:-count]:
            shutil.rmtree(self.checkpoint(step))

    def append(self, line: dict[str, Any]) -> None:
        """Append a line to metrics.jsonl."""
        self.step_log.append(line)

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of metrics.jsonl except an incomplete last one. Raises `UsageError` if it is damaged."""
        return self.step_log.lines()

    def _why_unwritable(self) -> str:
        """Return why a run cannot write to its folder; empty if it can."""
        folders = (self.path, self.checkpoints, self.samples, self.strip, self.figures, self.final, self.best)
        reasons = [why_unwritable(folder) for folder in folders]
        for log in self.logs:
            if exists(log.path) and not os.access(log.path, os.W_OK):
                reasons.append(f"no permission to write to {log.path}")
        return next(filter(None, reasons), "")
