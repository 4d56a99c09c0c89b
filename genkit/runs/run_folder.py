"""The folder of a run: what lies where in it, and who may write it.

runs/0007-as-introvae-8gaussians-s0/
    recipe.toml             as it was given
    recipe.resolved.toml    with every override and default: what a resume reads
    metrics.jsonl           a line each `log_every` steps; nothing in it depends on the clock
    evaluations.jsonl       a line for each evaluation on the way: the numbers, with their protocols
    samples/                pictures, named by step
    strip/                  samples of the same latent codes at a few steps: the rows of figures/stability.png
    checkpoints/            step-00001000/{state.safetensors,state.json}
    results.json            the metrics at the end, with their protocols
    figures/                samples, reconstructions and the stability strip, at the end
    final/                  weights, recipe and facts: loads with `genkit.load`
    best/                   the same, of the step that was best by a metric
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w
from filelock import FileLock, Timeout

from genkit.errors import UsageError, near_miss
from genkit.recipe.document import Document
from genkit.storage.jsonl import StepLog
from genkit.storage.names import RECIPE, RESOLVED
from genkit.storage.os_errors import describe_os_error
from genkit.storage.weights import ABOUT, write_text

NEWEST = 10  # runs that a message names


class RunFolder:
    """One run on disk."""

    def __init__(self, path: Path):
        self.path = path
        self.metrics = path / "metrics.jsonl"
        self.samples = path / "samples"
        self.strip = path / "strip"
        self.figures = path / "figures"
        self.curves = path / "curves.png"
        self.checkpoints = path / "checkpoints"
        self.results = path / "results.json"
        self.final = path / "final"
        self.best = path / "best"
        self.step_log = StepLog(self.metrics, "the curves are lost")
        self.evaluations = StepLog(path / "evaluations.jsonl", "the evaluations are lost")

    def __fspath__(self) -> str:
        """Stand for its path, so that `genkit.load` takes what `genkit.train` returns."""
        return str(self.path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def create(cls, root: Path, document: Document, resolved: dict[str, Any], owners: Iterable[str] = ()) -> RunFolder:
        """Make the next numbered folder under `root`, and write the recipe into it. Raises `UsageError`.

        `owners` are lines that tell who supplied the parts, for whoever resumes the run without them.
        """
        source = Path(document.file)
        stem = source.stem if source.suffix == ".toml" else str(resolved["title"])
        name = f"{re.sub(r'[^a-z0-9]+', '-', stem.lower()).strip('-')[:60]}-s{resolved['seed']}"
        try:
            root.mkdir(parents=True, exist_ok=True)
            folder = cls(_claim(root, name))
            folder.begin(document, resolved, owners)
        except OSError as error:
            raise UsageError(
                f"{root}: cannot make a run folder: {describe_os_error(error, root)}. Choose another with --runs."
            ) from None
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Return the run at `path`. Raises `UsageError` if it is none."""
        if not (path / RESOLVED).is_file():
            raise no_run(path)
        return cls(path)

    def begin(self, document: Document, resolved: dict[str, Any], owners: Iterable[str] = ()) -> None:
        """Write the recipe into the folder, which is then one that `genkit resume` takes. Raises `OSError`."""
        self.path.mkdir(parents=True, exist_ok=True)
        source = Path(document.file)
        given = source.read_text(encoding="utf-8") if source.is_file() else tomli_w.dumps(document.tables)
        (self.path / RECIPE).write_text(given, encoding="utf-8")
        header = "".join(f"# {owner}\n" for owner in ("Every key, defaults included. Supplied by:", *owners))
        write_text(self.resolved, header + tomli_w.dumps(resolved))

    @property
    def resolved(self) -> Path:
        """The recipe that a resume reads."""
        return self.path / RESOLVED

    @property
    def finished(self) -> bool:
        """Whether the run has come to its end; its last file is written last."""
        return (self.final / ABOUT).is_file()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process; the system lets go of it however the process ends. Raises `UsageError`."""
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(f"{self.path}: in use by another process. Wait for it, or stop it.") from None
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be written: {describe_os_error(error, self.path)}.") from None
        try:
            yield
        finally:
            lock.release()

    def checkpoint(self, step: int) -> Path:
        """Return where the checkpoint of a step lies."""
        return self.checkpoints / f"step-{step:08d}"

    def row(self, step: int) -> Path:
        """Return where the row of the stability strip lies that a step makes."""
        return self.strip / f"step-{step:08d}.npy"

    def saved_steps(self) -> list[int]:
        """Return the steps that have a checkpoint, in order."""
        return sorted(_step(path) for path in self.checkpoints.glob("step-*") if re.fullmatch(r"step-\d+", path.name))

    def keep_newest(self, count: int) -> None:
        """Delete all but the newest `count` checkpoints."""
        for step in self.saved_steps()[:-count]:
            shutil.rmtree(self.checkpoint(step))

    def append(self, line: dict[str, Any]) -> None:
        """Add a line to metrics.jsonl."""
        self.step_log.append(line)

    def lines(self) -> list[dict[str, Any]]:
        """Return the whole lines of metrics.jsonl. Raises `UsageError` where it is damaged."""
        return self.step_log.lines()

    def cut_back(self, step: int) -> None:
        """Take back the lines, pictures, rows and weights of steps after `step`: a resume makes them again."""
        self.step_log.cut_back(step)
        self.evaluations.cut_back(step)
        if (kept := step_of(self.best)) is not None and kept > step:
            shutil.rmtree(self.best)
        for drawn in (*self.samples.glob("step-*.png"), *self.strip.glob("step-*.npy")):
            if re.match(r"step-\d+", drawn.name) and _step(drawn) > step:
                drawn.unlink()


def no_run(path: Path) -> UsageError:
    """Return the error of a path that is no run folder: what is there instead, and what to do."""
    made = "A run folder is made by `genkit run RECIPE`, under runs/."
    if path.is_dir():
        return UsageError(f"{path}: is no run folder: it holds no {RESOLVED}. {made}")
    if not path.exists():
        return UsageError(f"{path}: is not there.{_nearest_runs(path)} {made}")
    if path.suffix == ".toml":
        made = f"If it is a recipe, `genkit run {path}` begins a run of it."
    return UsageError(f"{path}: is a file, and no run folder. {made}")


def step_of(folder: Path) -> int | None:
    """Return the step whose weights a final folder holds; None if it is none, or does not know."""
    try:
        step = json.loads((folder / ABOUT).read_text(encoding="utf-8"))["step"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return step if isinstance(step, int) else None


def _step(path: Path) -> int:
    """Return the step that a name tells: ``step-00001000``, ``step-00001000-samples.png``, ``step-00001000.npy``."""
    return int(path.stem.removeprefix("step-").partition("-")[0])


def _nearest_runs(path: Path) -> str:
    """Return a hint at the runs beside `path`: those of its number, or else those of a name like it or the newest."""
    runs = sorted(resolved.parent.name for resolved in path.parent.glob(f"*/{RESOLVED}"))
    numbered = [name for name in runs if name.startswith(path.name)]
    return near_miss(path.name, (numbered or runs)[-NEWEST:])


def _claim(root: Path, name: str) -> Path:
    """Make the next numbered folder; two processes that try at once get two numbers."""
    with FileLock(root / ".numbering.lock"):
        taken = [int(found.group()) for path in root.iterdir() if (found := re.match(r"\d{4,}", path.name))]
        path = root / f"{max(taken, default=0) + 1:04d}-{name}"
        path.mkdir()
    return path
