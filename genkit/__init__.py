"""genkit: train introspective and adversarial autoencoders from recipes and plugins.

    import genkit

    plan = genkit.make_plan("recipes/as_introvae_8gaussians.toml")  # or a genkit.Recipe built in Python
    model = genkit.load("runs/0001-as-introvae-8gaussians-s0")      # a finished run

Everything here is imported on first use, so that the command line starts without importing torch.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_EXPORTS = {
    "Callback": "genkit.core.callback",
    "Checkpoint": "genkit.recipe.tables",
    "EMA": "genkit.recipe.tables",
    "Evaluate": "genkit.recipe.tables",
    "Recipe": "genkit.recipe.tables",
    "Report": "genkit.recipe.tables",
    "StopTraining": "genkit.core.callback",
    "Train": "genkit.recipe.tables",
    "Use": "genkit.recipe.tables",
    "load": "genkit.runs.load",
    "make_plan": "genkit.recipe.plan",
    "train": "genkit.runs.train",
}

__all__ = [
    "EMA",
    "Callback",
    "Checkpoint",
    "Evaluate",
    "Recipe",
    "Report",
    "StopTraining",
    "Train",
    "Use",
    "load",
    "make_plan",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'genkit' has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)
