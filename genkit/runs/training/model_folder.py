"""A model folder: weights, recipe and facts, which `genkit.load` reads. A run writes two: final/ and best/.

`genkit fit-prior` writes a third one, fitted/ (`genkit.runs.trained_models.fit_prior`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from genkit.recipe.text.whole_text import with_mark
from genkit.runs.on_disk.class_facts import facts_of_classes
from genkit.runs.on_disk.environment import environment
from genkit.runs.training.live_run import LiveRun
from genkit.storage.atomic import new_folder
from genkit.storage.names import RECIPE
from genkit.storage.text_files import write_text
from genkit.storage.weights import write_model_folder


def write_model(run: LiveRun, folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the model as it is; `facts` are written last and mark the folder as complete."""
    folder.mkdir(exist_ok=True)
    write_text(folder / RECIPE, with_mark(tomli_w.dumps(dict(run.plan.resolved))))
    about = {
        "step": run.state.step,
        "data_shape": list(run.plan.data.shape),
        "data": run.plan.data_fingerprint,
        **facts_of_classes(run.plan.class_facts),
        "parts": run.plan.owners,
    }
    average = run.state.average.model if run.state.average is not None else None
    write_model_folder(folder, run.state.model, average, {**about, **facts, **environment()})


def replace_model(run: LiveRun, folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the model in place of the one in `folder`, which holds the old or the new model, never a part of one."""
    with new_folder(folder) as new:
        write_model(run, new, facts)
