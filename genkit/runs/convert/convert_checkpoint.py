"""A published checkpoint as a final folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli_w
import torch

from genkit.errors import UsageError
from genkit.parts.models.introvae_conv import IntroVAEConv
from genkit.recipe.plan import Plan
from genkit.runs.checkpoint import environment
from genkit.runs.convert.match_tensors import fill_model
from genkit.runs.convert.published_checkpoint import read_checkpoint
from genkit.storage.names import RECIPE
from genkit.storage.os_errors import describe_os_error
from genkit.storage.weights import digest, write_final, write_text


def convert(file: Path, plan: Plan, out: Path) -> dict[str, Any]:
    """Write the final folder `out` from a checkpoint of the network that `plan` describes; return its facts.

    Raises `UsageError` unless the checkpoint is of that network, whole and finite, and `out` is new.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"--out {out}: is there already, and is not overwritten. Name another folder.")
    recipe = plan.document.file
    model = plan.build_model()
    norm = plan.model_arguments.get("norm", "group")
    if not isinstance(model, IntroVAEConv) or norm not in ("batch", "sync-batch"):
        found = plan.recipe.model.name + (f' with norm = "{norm}"' if isinstance(model, IntroVAEConv) else "")
        raise UsageError(
            f'{recipe} [model]: is {found}; the published checkpoints are of use = "introvae-conv", norm = "batch".'
        )
    checkpoint = read_checkpoint(file)
    fill_model(model, checkpoint, recipe)

    facts = {
        "step": None,  # the published code counts epochs alone
        "epoch": checkpoint.epoch,
        "data_shape": list(plan.data.shape),
        "parts": plan.owners,
        "converted": {"file": file.name, "sha256": digest(file), "left_out": list(checkpoint.others)},
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / RECIPE, tomli_w.dumps(dict(plan.resolved)))
        write_final(out, model.eval(), None, {**facts, **environment()})
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {describe_os_error(error, out)}.") from None
    return {**facts, "tensors": len(checkpoint.tensors), "values": sum(map(torch.numel, checkpoint.tensors.values()))}
