"""Trackers of experiments, such as TensorBoard, which a recipe names in ``[track]``.

HF Accelerate talks to each of them (`accelerate.tracking`); a `Tracker` is a callback that passes on the log, the
pictures and the metrics. The names that a recipe may give are in `genkit.recipe.tables.TrackerName`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from genkit.core.callback import Callback, RunView
from genkit.core.result import Result
from genkit.evaluation.protocol_lines import shown_weights, weights_note
from genkit.recipe.tables import TrackerName
from genkit.recipe.text.nested import flatten

if TYPE_CHECKING:
    from accelerate.tracking import GeneralTracker


METRIC = "metric"  # before the label of a metric, in its name


class Tracker(Callback):
    """One tracker of a run. A resumed run replaces what TensorBoard has after its checkpoint.

    The others take a resumed run as a run of its own.
    """

    def __init__(self, name: TrackerName, project: str):
        self._name, self._project = name, project
        self._tracker: GeneralTracker | None = None  # not started yet
        self._evaluated, self._labels = -1, set[str]()  # step and labels of the newest metrics

    def started(self, run: RunView) -> None:
        """Start the tracker, and store the keys of the recipe and the weights of pictures and metrics, once a run."""
        tracker = _start(self._name, self._project, run)
        self._tracker = tracker
        if run.step == 0:
            tracker.store_init_configuration({**_plain(run.plan.resolved), **_weights(run.plan.resolved)})

    def logged(self, step: int, line: Mapping[str, float]) -> None:
        """Pass on a line of the log: the terms of each phase, the schedules and the learning rates."""
        self._log({key: value for key, value in line.items() if key != "step"}, step)

    def drawn(self, step: int, pictures: Sequence[Path]) -> None:
        """Show the pictures, if the tracker shows any; ``step-00001000-samples.png`` is "samples"."""
        if self._tracker is None or self._name not in SHOW_IMAGES:
            return
        images = {path.stem.split("-", 2)[-1]: np.asarray(Image.open(path).convert("RGB"))[None] for path in pictures}
        self._tracker.log_images(images, step=step, **SHOW_IMAGES[self._name])  # (1, H, W, 3)

    def evaluated(self, step: int, results: Sequence[Result]) -> None:
        """Pass on the metrics that have a value."""
        values = {f"{METRIC}/{result.label}": result.value for result in results if result.value is not None}
        if values:
            self._log(values, step)
        self._evaluated, self._labels = step, {result.label for result in results}

    def finished(self, step: int, results: Sequence[Result]) -> None:
        """Pass on the metrics at the end that `evaluated` has not had: those of this step are not computed again."""
        known = self._labels if step == self._evaluated else ()
        self.evaluated(step, [result for result in results if result.label not in known])

    def closed(self) -> None:
        """Write what is pending."""
        if self._tracker is not None:
            self._tracker.finish()

    def _log(self, values: Mapping[str, float], step: int) -> None:
        if self._tracker is not None:
            self._tracker.log(dict(values), step=step)


def _plain(resolved: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a recipe with values that every tracker takes: no subclasses of numbers, which YAML lacks."""
    return {key: _plain_value(value) for key, value in flatten(resolved) if value is not None}


def _plain_value(value: Any) -> bool | int | float | str:
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def _weights(resolved: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights of the pictures, and of each metric that is of other weights, by its name in the tracker.

    They are in the configuration and not in the name of a value, so that runs with and without ``[ema]`` share a chart.
    """
    shown = shown_weights(resolved)
    keys = {label: table.get("weights", shown) for label, table in resolved.get("metrics", {}).items()}
    notes = {f"{METRIC}/{label}": weights_note(weights, shown) for label, weights in keys.items()}
    return {"pictures": f"{shown} weights", **{name: note for name, note in notes.items() if note}}


def _start(name: TrackerName, project: str, run: RunView) -> GeneralTracker:
    from accelerate import tracking

    tracker: GeneralTracker
    match name:
        case "tensorboard":  # events after the checkpoint are replaced
            tracker = tracking.TensorBoardTracker("tensorboard", run.folder, purge_step=run.step + 1)
        case "mlflow":
            tracker = tracking.MLflowTracker(project, run_name=run.folder.name)
        case "wandb":
            tracker = tracking.WandBTracker(project, name=run.folder.name, dir=run.folder)
        case "trackio":
            tracker = tracking.TrackioTracker(project, name=run.folder.name)
    tracker.start()
    return tracker


# Trackers that show images, and the options of that call: Accelerate passes them on.
SHOW_IMAGES: Mapping[str, Mapping[str, Any]] = {"tensorboard": {"dataformats": "NHWC"}, "wandb": {}}
