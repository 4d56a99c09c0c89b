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
    timing.json             seconds, steps and memory of the training
    results.json            the metrics after the last step, and their protocols
    figures/                samples, reconstructions and stability strip, drawn after the last step
    curves.png              the logged terms and metrics over the steps
    final/                  model folder of the last step: weights, recipe and facts, for `genkit.load`
    best/                   model folder of the best step by one metric
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w
from filelock import FileLock, Timeout

from genkit.errors import UsageError
from genkit.near_miss import near_miss
from genkit.recipe.document import Document
from genkit.storage.atomic import write_file
from genkit.storage.json_tables import read_table
from genkit.storage.jsonl import StepLog
from genkit.storage.listing import exists, names_in
from genkit.storage.names import RECIPE, RESOLVED
from genkit.storage.os_errors import ABSENT, describe_os_error, unreadable, why_unwritable
from genkit.storage.weights import ABOUT, write_text

SUGGESTED_RUNS = 10  # at most, in an error message
HOW_TO_WRITE = "Make the run folder writable, or copy it to a place that is, and repeat the command."
NAME_CHARACTERS = 60  # at most, of the recipe's name in the name of a run folder


class RunFolder:
    """Folder of one run. Creating this object neither reads nor writes the folder."""

    def __init__(self, path: Path):
        self.path = path
        self.metrics = path / "metrics.jsonl"
        self.samples = path / "samples"
        self.strip = path / "strip"
        self.figures = path / "figures"
        self.curves = path / "curves.png"
        self.checkpoints = path / "checkpoints"
        self.results = path / "results.json"
        self.timing = path / "timing.json"
        self.stopped = path / "stopped.json"
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
        name = f"{_slug(document, str(resolved['title']))}-s{resolved['seed']}"
        try:
            root.mkdir(parents=True, exist_ok=True)
            folder = cls(_create_numbered(root, name))
            folder.begin(document, resolved, notes)
        except OSError as error:
            raise UsageError(
                f"{root}: cannot create a run folder: {describe_os_error(error, root)}. Choose another folder with "
                "--runs."
            ) from None
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Return the run at `path`. Raises `UsageError` if `path` is not a run folder."""
        if not exists(path / RESOLVED):
            raise not_a_run_folder(path)
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
        write_text(self.resolved, header + tomli_w.dumps(resolved))

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

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the run for this process. The operating system releases the lock if the process is killed.

        Raises `UsageError` if another process holds the lock, or if the folder cannot be written.
        """
        if reason := self._why_unwritable():
            raise UsageError(f"{self.path}: cannot be written: {reason}. {HOW_TO_WRITE}")
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(f"{self.path}: in use by another process. Wait until it ends, or stop it.") from None
        except OSError as error:
            reason = describe_os_error(error, self.path)
            raise UsageError(f"{self.path}: cannot be written: {reason}. {HOW_TO_WRITE}") from None
        try:
            yield
        finally:
            lock.release()

    def checkpoint(self, step: int) -> Path:
        """Return the path of the checkpoint of a step."""
        return self.checkpoints / name_of_checkpoint(step)

    def row(self, step: int) -> Path:
        """Return the path of the stability strip's row of a step."""
        return self.strip / f"step-{step:08d}.npy"

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


def steps_in(checkpoints: Path) -> list[int]:
    """Return the steps of the checkpoints in a folder, in ascending order. Raises `UsageError`."""
    return [step for name in names_in(checkpoints) if (step := step_in(name, "")) is not None]


def name_of_checkpoint(step: int) -> str:
    """Return the name of the folder of a checkpoint."""
    return f"step-{step:08d}"


def not_a_run_folder(path: Path) -> UsageError:
    """Return the error for a path that is not a run folder: what the path is instead, and what the user can do."""
    remedy = "`genkit run RECIPE` creates a run folder, in runs/."
    if path.is_dir():
        return UsageError(f"{path}: not a run folder (no {RESOLVED}). {remedy}")
    if not path.exists():
        return UsageError(f"{path}: not found.{_runs_like(path)} {remedy}")
    if path.suffix == ".toml":
        remedy = f"If it is a recipe, start a run with `genkit run {path}`."
    return UsageError(f"{path}: a file, not a run folder. {remedy}")


def step_of(folder: Path) -> int | None:
    """Return the step of the weights in a model folder; None if it is not a model folder, or does not name its step.

    Raises `UsageError` if the folder cannot be read.
    """
    step: int | None = facts_in(folder).get("step")
    return step


def facts_in(folder: Path) -> dict[str, Any]:
    """Return the facts of a model folder of a run; none if it is not one. Raises `UsageError` if it cannot be read."""
    path = folder / ABOUT
    try:
        return read_table(path, {"step": int}, {"data": dict})
    except (*ABSENT, ValueError):
        return {}
    except OSError as error:
        raise unreadable(path, error) from None


def _slug(document: Document, title: str) -> str:
    """Return the name of the recipe file, or else the title, with only a-z, 0-9 and hyphens."""
    source = Path(document.file)
    name = source.stem if source.suffix == ".toml" else title
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:NAME_CHARACTERS]


def step_in(name: str, ending: str) -> int | None:
    """Return the step in a name such as ``step-00001000.npy``; None if it has another ending, a regular expression."""
    found = re.fullmatch(rf"step-(\d{{8,18}}){ending}", name)
    return int(found[1]) if found else None


def _runs_like(path: Path) -> str:
    """Return a hint with names of runs in the same folder: those that start alike, or else similar or new ones."""
    runs = sorted(resolved.parent.name for resolved in path.parent.glob(f"*/{RESOLVED}"))
    same_start = [name for name in runs if name.startswith(path.name)]
    return near_miss(path.name, (same_start or runs)[-SUGGESTED_RUNS:])


def _create_numbered(root: Path, name: str) -> Path:
    """Create the next numbered folder in `root`; two processes that do so at the same time get different numbers."""
    with FileLock(root / ".numbering.lock"):
        taken = [int(found.group()) for path in root.iterdir() if (found := re.match(r"\d{4,}", path.name))]
        path = root / f"{max(taken, default=0) + 1:04d}-{name}"
        path.mkdir()
    return path
