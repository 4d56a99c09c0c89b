"""genkit: train introspective and adversarial autoencoders from recipes and plugins.

import genkit

plan = genkit.make_plan("recipes/as_introvae_8gaussians.toml")  # or a genkit.Recipe built in Python
model = genkit.load("runs/0001-as-introvae-8gaussians-s0")      # a finished run
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Imported on first use, so that the command line need not wait for torch.
_EXPORTS = {
    "Checkpoint": "genkit.recipe",
    "EMA": "genkit.recipe",
    "Evaluate": "genkit.recipe",
    "Recipe": "genkit.recipe",
    "Report": "genkit.recipe",
    "Train": "genkit.recipe",
    "Use": "genkit.recipe",
    "load": "genkit.loading",
    "make_plan": "genkit.plan",
    "train": "genkit.run",
}

__all__ = ["EMA", "Checkpoint", "Evaluate", "Recipe", "Report", "Train", "Use", "load", "make_plan", "train"]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'genkit' has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)
