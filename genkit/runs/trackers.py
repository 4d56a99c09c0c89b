"""Trackers of experiments, such as TensorBoard, which a recipe names in ``[track]``.

HF Accelerate talks to each of them (`accelerate.tracking`); a `Tracker` is a callback of a run that tells it the log,
the pictures and the metrics. A tracker never ends a run: one that fails is reported once, and dropped. The names that a
recipe may give are in `genkit.recipe.tables.TrackerName`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from genkit.core.result import Result
from genkit.recipe.nested import flatten
from genkit.recipe.plan import Plan
from genkit.recipe.tables import TrackerName
from genkit.runs.callbacks import RunCallback
from genkit.runs.run_folder import RunFolder

if TYPE_CHECKING:
    from accelerate.tracking import GeneralTracker

Report = Callable[[str], None]  # told about a tracker that fails


@contextmanager
def trackers(plan: Plan, folder: RunFolder, report: Report) -> Iterator[Sequence[Tracker]]:
    """Start the trackers of a recipe, and close them however the run ends. Call it on the main process.

    A resumed run replaces what it told TensorBoard after its checkpoint. The others take it as a run of its own.
    """
    track = plan.recipe.track
    step = max(folder.saved_steps(), default=0)
    started = [Tracker(name, track.project, folder, step, report) for name in track.to] if track is not None else []
    for tracker in started:
        tracker.configure({key: value for key, value in flatten(plan.resolved) if value is not None})
    try:
        yield started
    finally:
        for tracker in started:
            tracker.close()


class Tracker(RunCallback):
    """One tracker of a run."""

    def __init__(self, name: TrackerName, project: str, folder: RunFolder, step: int, report: Report):
        self._name, self._step, self._report = name, step, report
        self._tracker: GeneralTracker | None = None
        self._try(lambda: self._start(project, folder.path))

    def configure(self, keys: Mapping[str, Any]) -> None:
        """Tell the keys of the recipe, once a run."""
        plain = {key: value if isinstance(value, (bool, int, float)) else str(value) for key, value in keys.items()}
        if self._step == 0:
            self._tell(lambda tracker: tracker.store_init_configuration(plain))

    def update(self, step: int, line: dict[str, float] | None) -> None:
        """Tell a line of the log: the terms of each phase, the schedules and the learning rates."""
        if line is not None:
            values = {key: value for key, value in line.items() if key != "step"}
            self._tell(lambda tracker: tracker.log(values, step=step))

    def drawn(self, step: int, pictures: Sequence[Path]) -> None:
        """Show the pictures, if the tracker shows any; ``step-00001000-samples.png`` is "samples"."""
        if self._name not in SHOW_IMAGES:
            return
        images = {path.stem.split("-", 2)[-1]: np.asarray(Image.open(path).convert("RGB"))[None] for path in pictures}
        self._tell(lambda tracker: tracker.log_images(images, step=step, **SHOW_IMAGES[self._name]))  # (1, H, W, 3)

    def evaluated(self, step: int, results: Sequence[Result]) -> None:
        """Tell the metrics that have a value."""
        values = {f"metric/{result.label}": result.value for result in results if result.value is not None}
        if values:
            self._tell(lambda tracker: tracker.log(values, step=step))

    def finished(self, step: int, results: Sequence[Result]) -> None:
        """Tell the metrics at the end."""
        self.evaluated(step, results)

    def close(self) -> None:
        """Write what is pending."""
        self._tell(lambda tracker: tracker.finish())

    def _start(self, project: str, run: Path) -> None:
        from accelerate import tracking

        tracker: GeneralTracker
        match self._name:
            case "tensorboard":  # events after the checkpoint are replaced
                tracker = tracking.TensorBoardTracker("tensorboard", run, purge_step=self._step + 1)
            case "mlflow":
                tracker = tracking.MLflowTracker(project, run_name=run.name)
            case "wandb":
                tracker = tracking.WandBTracker(project, name=run.name, dir=run)
            case "trackio":
                tracker = tracking.TrackioTracker(project, name=run.name)
        tracker.start()
        self._tracker = tracker

    def _tell(self, tell: Callable[[GeneralTracker], Any]) -> None:
        if (tracker := self._tracker) is not None:
            self._try(lambda: tell(tracker))

    def _try(self, do: Callable[[], Any]) -> None:
        try:
            do()
        except Exception as error:  # a service that is down, a full disk, a bug of the tracker
            self._tracker = None
            self._report(
                f"[track] {self._name} failed, and the run goes on without it ({type(error).__name__}: {error}). "
                "metrics.jsonl holds all that it would show."
            )


# Trackers that show images, and the options of that call: Accelerate passes them on.
SHOW_IMAGES: Mapping[str, Mapping[str, Any]] = {"tensorboard": {"dataformats": "NHWC"}, "wandb": {}}
