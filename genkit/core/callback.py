"""Callbacks: what a run does besides training, and the read-only view of the run that a callback gets.

The log, pictures, checkpoints, evaluations, trackers and the console are callbacks, too
(`genkit.runs.training.callback_list`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from genkit.core.dataset import Dataset
from genkit.core.metric import Metric
from genkit.core.model import Model
from genkit.core.result import EvaluationRecord, Result


class StopTraining(Exception):
    """Raised by a callback to end the run after the current step, as if it were the last one; the text says why.

    The run draws, saves and evaluates what a last step has, writes its results and ``final/``, and has finished. Only a
    callback whose `stops` is true may raise it.
    """


class PlanView(Protocol):
    """What a callback reads of the plan of a run."""

    @property
    def resolved(self) -> Mapping[str, Any]:
        """The recipe with every default, as TOML tables."""
        ...

    @property
    def steps(self) -> int:
        """Number of steps of the run, unless a callback stops it. Raises `UsageError` for epochs of endless data."""
        ...

    @property
    def data(self) -> Dataset:
        """The training data."""
        ...

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics of the recipe, by label."""
        ...


class RunView(Protocol):
    """Read-only view of a run that trains. Nothing that a callback does with it changes the run."""

    @property
    def plan(self) -> PlanView:
        """The checked recipe of the run."""
        ...

    @property
    def folder(self) -> Path:
        """The run folder. A callback may write files of its own there; their names must not be those of the run."""
        ...

    @property
    def step(self) -> int:
        """Number of completed steps."""
        ...

    def lines(self) -> Sequence[Mapping[str, float]]:
        """Return the lines of metrics.jsonl up to the current step. Raises `UsageError` if the file is damaged."""
        ...

    def evaluations(self) -> Sequence[EvaluationRecord]:
        """Return the logged evaluations up to the current step. Raises `UsageError` if the file is damaged."""
        ...

    def model(self, weights: Literal["raw", "ema"] | None = None) -> Model:
        """Return a copy of the model, in evaluation mode, on the device of the run.

        Without `weights`, it has the EMA weights if there are any, like the pictures. Raises `ValueError` for EMA
        weights that the run does not have.
        """
        ...


class Callback:
    """An object that follows a run. A subclass implements the methods that it needs; the others do nothing.

    A callback of a plugin is a dataclass, whose fields are the keys of ``[callbacks.LABEL]``. Each run uses a copy of
    it, so a callback may keep attributes of its own; set them in `started`.

    genkit calls all methods on the main process, between two steps, while the other processes wait where they next need
    it. A callback must not call collective operations. An exception is reported once, with its place in the code, and
    the run continues without the callback; only `closed` is still called. A callback cannot change the run, except
    that it may stop it: see `stops`.
    """

    stops: ClassVar[bool] = False
    """Whether the callback may raise `StopTraining`. The keys of such a callback decide the weights of a run."""

    def check(self, plan: PlanView) -> None:
        """Check the keys against the recipe before a run. Raise `ValueError` with the remedy if they do not fit."""

    def unmet(self) -> tuple[str, ...]:
        """Return what is missing on this machine, such as a package, and how to get it; empty if nothing is."""
        return ()

    def started(self, run: RunView) -> None:
        """Take the run, before the first step or at the checkpoint that a resume continues from."""

    def logged(self, step: int, line: Mapping[str, float]) -> None:
        """Take the line of metrics.jsonl of a logged step: terms, schedules and learning rates by name."""

    def remarked(self, step: int, text: str) -> None:
        """Take a remark of the loss on the training so far, such as two players out of balance; at most one a run."""

    def drawn(self, step: int, pictures: Sequence[Path]) -> None:
        """Take the previews of the model after a step."""

    def saved(self, step: int, checkpoint: Path) -> None:
        """Take the folder of a new checkpoint. Later checkpoints replace it (``[checkpoint] keep``)."""

    def stepped(self, step: int) -> None:
        """Take the number of completed steps, after each step. What the step has logged, drawn and saved came before.

        An evaluation of the step follows. A resume repeats the steps after its checkpoint.
        """

    def evaluated(self, step: int, results: Sequence[Result]) -> None:
        """Take the metrics of ``[evaluate]`` after a step. A resume may repeat those of its checkpoint."""

    def stopped(self, step: int, reason: str) -> None:
        """Take the step after which a callback has stopped the run, and the reason. The end of the run follows."""

    def failed(self, step: int) -> None:
        """Take the last whole step of a run whose next step cannot be computed. It will be saved."""

    def finished(self, step: int, results: Sequence[Result]) -> None:
        """Take all metrics of the recipe after the last step. The run folder is complete."""

    def closed(self) -> None:
        """Release what `started` has opened. Called however the run ends, except if its process is killed."""
