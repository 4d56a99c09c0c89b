"""Conversion of a published checkpoint to a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli_w
import torch

from genkit.core.model import Model
from genkit.errors import UsageError
from genkit.parts.models.introvae_conv import IntroVAEConv
from genkit.recipe.plan import Plan
from genkit.recipe.text.whole_text import with_mark
from genkit.runs.convert.match_tensors import fill_model
from genkit.runs.convert.published_checkpoint import PublishedCheckpoint, read_checkpoint
from genkit.runs.on_disk.environment import environment
from genkit.storage.names import RECIPE
from genkit.storage.os_errors import describe_os_error
from genkit.storage.text_files import write_text
from genkit.storage.weights import digest, write_model_folder


def convert(file: Path, plan: Plan, out: Path) -> dict[str, Any]:
    """Write the model folder `out` from a checkpoint of the network that `plan` describes; return its facts.

    The facts also count the tensors and their values. Raises `UsageError` if the checkpoint cannot be read, is of
    another network or has values that are not finite, and if `out` is not empty or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"--out {out}: exists already and is not overwritten. Choose another folder.")
    model = _build_published_network(plan)
    checkpoint = read_checkpoint(file)
    fill_model(model, checkpoint, plan.document.file)
    facts = _facts(checkpoint, plan)
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / RECIPE, with_mark(tomli_w.dumps(dict(plan.resolved))))
        write_model_folder(out, model.eval(), None, {**facts, **environment()})
    except OSError as error:
        reason = describe_os_error(error, out)
        raise UsageError(f"--out {out}: cannot be written: {reason}. Choose another place with --out.") from None
    return {**facts, "tensors": len(checkpoint.tensors), "values": sum(map(torch.numel, checkpoint.tensors.values()))}


def _build_published_network(plan: Plan) -> Model:
    """Return the untrained model of a plan. Raises `UsageError` unless it is the network of the published code."""
    model = plan.build_model()
    norm = plan.model.network.arguments.get("norm", "group")
    if isinstance(model, IntroVAEConv) and norm in ("batch", "sync-batch"):
        return model
    found = f'use = "{plan.recipe.model.name}"' + (f', norm = "{norm}"' if isinstance(model, IntroVAEConv) else "")
    raise UsageError(
        f"{plan.document.file} [model]: {found}, but published checkpoints need "
        'use = "introvae-conv", norm = "batch". Change [model].'
    )


def _facts(checkpoint: PublishedCheckpoint, plan: Plan) -> dict[str, Any]:
    source = {
        "file": checkpoint.file.name,
        "sha256": digest(checkpoint.file),
        "left_out": list(checkpoint.other_entries),
    }
    return {
        "step": None,  # the published code counts epochs only
        "epoch": checkpoint.epoch,
        "data_shape": list(plan.data.shape),
        "parts": plan.owners,
        "converted": source,
    }
