"""genkit: train introspective and adversarial autoencoders from recipes and plugins.

    import genkit

    recipe = genkit.read_recipe("as_introvae_digits").set("train.steps=500")
    run = genkit.train(recipe)               # a new folder under runs/
    run.show("samples")
    model = run.load()                       # or genkit.load("runs/0001-as-introvae-digits-s0")
    samples = model.sample(16, seed=0)

Everything here is imported on first use, so that the command line starts without importing torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genkit.core.callback import Callback, StopTraining
    from genkit.core.result import EvaluationRecord, Result
    from genkit.errors import Diverged, GenkitError, GenkitWarning, Interrupted, RecipeError, UsageError
    from genkit.notebook.evaluation import compare, evaluate
    from genkit.notebook.memory import data_from
    from genkit.notebook.plan import plan
    from genkit.notebook.recipe import read_recipe
    from genkit.notebook.run import Run, open_run
    from genkit.notebook.run_list import list_runs
    from genkit.notebook.scoring import anomaly_maps, score
    from genkit.notebook.sharing import export, push
    from genkit.notebook.table import open_table
    from genkit.notebook.trained_model import TrainedModel, load
    from genkit.notebook.training import resume, train
    from genkit.recipe.plan import make_plan
    from genkit.recipe.tables import EMA, Checkpoint, Evaluate, Recipe, Report, Train, Use

__version__ = "0.1.0"

_EXPORTS = {
    "Callback": "genkit.core.callback",
    "Checkpoint": "genkit.recipe.tables",
    "Diverged": "genkit.errors",
    "EMA": "genkit.recipe.tables",
    "Evaluate": "genkit.recipe.tables",
    "EvaluationRecord": "genkit.core.result",
    "GenkitError": "genkit.errors",
    "GenkitWarning": "genkit.errors",
    "Interrupted": "genkit.errors",
    "Recipe": "genkit.recipe.tables",
    "RecipeError": "genkit.errors",
    "Report": "genkit.recipe.tables",
    "Result": "genkit.core.result",
    "Run": "genkit.notebook.run",
    "StopTraining": "genkit.core.callback",
    "Train": "genkit.recipe.tables",
    "TrainedModel": "genkit.notebook.trained_model",
    "UsageError": "genkit.errors",
    "Use": "genkit.recipe.tables",
    "anomaly_maps": "genkit.notebook.scoring",
    "compare": "genkit.notebook.evaluation",
    "data_from": "genkit.notebook.memory",
    "evaluate": "genkit.notebook.evaluation",
    "export": "genkit.notebook.sharing",
    "list_runs": "genkit.notebook.run_list",
    "load": "genkit.notebook.trained_model",
    "make_plan": "genkit.recipe.plan",
    "open_run": "genkit.notebook.run",
    "open_table": "genkit.notebook.table",
    "plan": "genkit.notebook.plan",
    "push": "genkit.notebook.sharing",
    "read_recipe": "genkit.notebook.recipe",
    "resume": "genkit.notebook.training",
    "score": "genkit.notebook.scoring",
    "train": "genkit.notebook.training",
}

__all__ = [
    "EMA",
    "Callback",
    "Checkpoint",
    "Diverged",
    "Evaluate",
    "EvaluationRecord",
    "GenkitError",
    "GenkitWarning",
    "Interrupted",
    "Recipe",
    "RecipeError",
    "Report",
    "Result",
    "Run",
    "StopTraining",
    "Train",
    "TrainedModel",
    "UsageError",
    "Use",
    "anomaly_maps",
    "compare",
    "data_from",
    "evaluate",
    "export",
    "list_runs",
    "load",
    "make_plan",
    "open_run",
    "open_table",
    "plan",
    "push",
    "read_recipe",
    "resume",
    "score",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'genkit' has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
