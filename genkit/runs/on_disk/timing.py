"""Time and memory that the training of a run has taken: timing.json.

Nothing else of a run depends on the clock. The file is written with each checkpoint, so a resume adds its seconds to
those of the steps that it continues.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from genkit.console.quantities import duration, quantity
from genkit.engine.loop import StepRecord
from genkit.engine.turn_times import TurnTimes
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.live_run import LiveRun
from genkit.storage.text_files import write_json

SPENT = ("drawing", "saving", "evaluating")  # what is timed beside the steps


@dataclass(frozen=True)
class Timing:
    """What the training of a run has taken so far, evaluations and pictures during training included."""

    steps: int  # that were timed
    seconds: float
    peak_memory: int | None  # in bytes, of the main process: on the GPU if it has one; None if it is not known
    waited: float | None = None  # seconds of it in which the main process waited for data; None in an older file
    drawing: float | None = None  # seconds of it for pictures; None in an older file, here and below
    saving: float | None = None  # seconds of it for checkpoints
    evaluating: float | None = None  # seconds of it for evaluations
    turns: Mapping[str, float] | None = None  # seconds of each phase and action by name; None if not measured
    finishing: float | None = None  # seconds after the last checkpoint: the last evaluation, figures and model folder

    def __str__(self) -> str:
        """Return the numbers in words: ``12 s, 245 steps/s, 3 % waiting for data, at most 310 MB of memory``."""
        rate = f", {self.steps / self.seconds:.3g} steps/s" if self.seconds > 0 else ""
        memory = "" if self.peak_memory is None else f", at most {quantity(self.peak_memory, 'B')} of memory"
        return f"{duration(self.seconds)}{rate}{self._waiting}{memory}"

    @property
    def _waiting(self) -> str:
        if self.waited is None or self.seconds <= 0:
            return ""
        share = min(self.waited / self.seconds, 1)
        return f", {share:.0%} waiting for data".replace("%", " %") if share >= 0.005 else ", no waiting for data"

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON holds them."""
        return asdict(self)


def read_timing(folder: RunFolder) -> Timing | None:
    """Return the timing of a run; None if there is none, or if the file is damaged: no result depends on it."""
    try:
        facts = json.loads(folder.timing.read_text(encoding="utf-8"))
        steps, seconds, memory = int(facts["steps"]), float(facts["seconds"]), facts["peak_memory"]
        waited = None if facts.get("waited") is None else float(facts["waited"])
        spent = {name: None if facts.get(name) is None else float(facts[name]) for name in (*SPENT, "finishing")}
        turns = None if facts.get("turns") is None else {str(name): float(s) for name, s in facts["turns"].items()}
        all_seconds = (seconds, waited, *spent.values(), *(turns or {}).values())
        valid = steps >= 0 and all(0 <= (value or 0) < math.inf for value in all_seconds)
        memory = None if memory is None else int(memory)
        return Timing(steps, seconds, memory, waited, turns=turns, **spent) if valid else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


class Stopwatch:
    """Times a run from where it is."""

    def __init__(self, run: LiveRun):
        self._run = run
        self._first, self._start = run.state.step, time.monotonic()
        self._earlier = up_to(run.state.step, read_timing(run.folder))
        self._saved: float | None = (
            time.perf_counter() if run.state.step else None
        )  # when the newest checkpoint was written
        self._waited = 0.0
        self._turns: TurnTimes | None = None
        self._spent = dict.fromkeys(SPENT, 0.0)

    @contextmanager
    def spending(self, name: str | None) -> Iterator[None]:
        """Add the seconds of the block to those of a name in `SPENT`; None: they are not counted apart."""
        begin = time.perf_counter()
        yield
        if name is not None:
            self._spent[name] += time.perf_counter() - begin

    def finish(self) -> None:
        """Write the seconds since the last checkpoint, when the run has finished. Raises `OSError`."""
        if (timing := read_timing(self._run.folder)) is not None and self._saved is not None:
            finished = replace(timing, finishing=round(time.perf_counter() - self._saved, 3))
            write_json(self._run.folder.timing, finished.as_dict())

    def observe(self, record: StepRecord) -> None:
        """Add the seconds that a step has waited for its data, and keep the times of its phases and actions."""
        self._waited += record.waited
        self._turns = record.turns

    def save(self) -> None:
        """Write the timing up to the current step. Raises `OSError`."""
        earlier, steps = self._earlier, self._run.state.step - self._first
        peaks = [peak for peak in (earlier.peak_memory, _peak_memory(self._run.world.device)) if peak is not None]
        seconds = earlier.seconds + time.monotonic() - self._start
        waited = None if earlier.waited is None else round(earlier.waited + self._waited, 3)
        before = {name: getattr(earlier, name) for name in SPENT}
        spent = {name: None if before[name] is None else round(before[name] + self._spent[name], 3) for name in SPENT}
        timing = Timing(
            earlier.steps + steps, round(seconds, 3), max(peaks, default=None), waited, turns=self._all_turns(), **spent
        )
        write_json(self._run.folder.timing, timing.as_dict())
        self._saved = time.perf_counter()

    def _all_turns(self) -> dict[str, float] | None:
        """Return the seconds of each phase and action so far; None if those of some steps are not known."""
        earlier = self._earlier.turns
        now = {} if self._turns is None else self._turns.seconds()
        if earlier is None or now is None:
            return None
        return {name: round(earlier.get(name, 0.0) + now.get(name, 0.0), 3) for name in {**earlier, **now}}


def up_to(step: int, timing: Timing | None) -> Timing:
    """Return the timing of the first steps of a run, also of one that has lost its later checkpoints.

    What does not depend on the step, such as waiting for data, has the same share of all times then. The times of
    phases are not known then: a phase may have run in the later steps only.
    """
    if timing is None or timing.steps == 0 or step == 0:
        return Timing(0, 0.0, None, 0.0, 0.0, 0.0, 0.0, {})
    kept = min(step, timing.steps)
    share = kept / timing.steps
    parts = {name: getattr(timing, name) for name in ("waited", *SPENT)}
    parts = {name: None if seconds is None else seconds * share for name, seconds in parts.items()}
    turns = timing.turns if kept == timing.steps else None
    return Timing(kept, timing.seconds * share, timing.peak_memory, turns=turns, **parts)


def _peak_memory(device: torch.device) -> int | None:
    """Return the bytes that this process has used at most on a CUDA device, or else in main memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # Linux counts kilobytes
