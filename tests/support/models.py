"""Model folders without a training: random weights, and the recipe and facts that a run would write."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import tomli_w
import torch

from genkit.recipe.plan import Plan, make_plan
from genkit.runs.on_disk.class_facts import facts_of_classes
from genkit.runs.on_disk.environment import environment
from genkit.storage.names import RECIPE
from genkit.storage.text_files import write_text
from genkit.storage.weights import write_model_folder
from support.commands import IMAGES, TINY

CONDITIONAL = IMAGES.replace(
    'use = "small-conv"\nlatent_dim = 4\nchannels = [4]\nhidden = 8',
    'use = "conditional"\nclasses = 10\n\n[model.network]\nuse = "mlp"\nlatent_dim = 3\nwidth = 8\nlayers = 1',
)
PER_CLASS = IMAGES.replace("[loss]", '[model.prior]\nuse = "per-class"\nclasses = 10\n\n[loss]')
LOGITS = IMAGES.replace('use = "small-conv"', 'use = "small-conv"\nerror = "bce"')
MODELS = {"points": TINY, "images": IMAGES, "conditional": CONDITIONAL, "per-class": PER_CLASS, "logits": LOGITS}


def write_model(folder: Path, recipe: str = TINY, *, ema: bool = False, overrides: Sequence[str] = ()) -> Plan:
    """Write a model folder of an untrained model whose weights are random, those of its EMA others."""
    plan = make_plan(tomllib.loads(recipe), overrides=overrides, try_step=False)
    torch.manual_seed(1)
    raw, average = (_moved(plan) for _ in range(2))
    folder.mkdir(parents=True)
    write_text(folder / RECIPE, tomli_w.dumps(dict(plan.resolved)))
    about = {
        "step": 7,
        "data_shape": list(plan.data.shape),
        "data": plan.data_fingerprint,
        **facts_of_classes(plan.class_facts),
        "parts": plan.owners,
        **environment(),
    }
    write_model_folder(folder, raw, average if ema else None, about)
    return plan


def _moved(plan: Plan) -> torch.nn.Module:
    model = plan.build_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        for name, buffer in model.named_buffers():
            if name.rpartition(".")[2] in ("running_mean", "running_var"):
                buffer += 0.1 * torch.rand_like(buffer)
    return model.double() if plan.recipe.train.precision == "fp64" else model.eval()
