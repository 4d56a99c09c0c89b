"""A model as it outlives its run: a final folder, with weights, recipe and facts, which `genkit.load` takes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from genkit.engine.state import TrainState
from genkit.recipe.plan import Plan
from genkit.runs.checkpoint import environment
from genkit.storage.names import RECIPE
from genkit.storage.weights import write_final, write_text


def write_model(plan: Plan, state: TrainState, folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the model as it is; its facts come last, and tell that the folder is complete."""
    folder.mkdir(exist_ok=True)
    write_text(folder / RECIPE, tomli_w.dumps(dict(plan.resolved)))
    about = {
        "step": state.step,
        "data_shape": list(plan.data.shape),
        "data": plan.data_fingerprint,
        "parts": plan.owners,
    }
    average = state.average.model if state.average is not None else None
    write_final(folder, state.model, average, {**about, **facts, **environment()})


def replace_model(plan: Plan, state: TrainState, folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the model in the place of the one that is there: what has the name is one or the other, and whole."""
    partial, before = (folder.with_name(f".{folder.name}.{suffix}") for suffix in ("partial", "before"))
    for left in (partial, before):
        shutil.rmtree(left, ignore_errors=True)
    write_model(plan, state, partial, facts)
    if folder.exists():
        os.rename(folder, before)
    os.rename(partial, folder)
    shutil.rmtree(before, ignore_errors=True)
