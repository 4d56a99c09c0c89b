"""``genkit reconstruct RUN``: held-out samples and what the model makes of them."""

from __future__ import annotations

import json as json_format
import math
from functools import partial
from typing import Annotated

import typer

from genkit.cli.inputs import autoencoder_of, select_inputs
from genkit.cli.options import DataOverrides, FinishedRun, Json, Out, Pictures, Weights
from genkit.cli.outputs import write_outputs


def reconstruct(
    run: FinishedRun,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many samples, at most.")] = 32,
    pictures: Pictures = None,
    overrides: DataOverrides = None,
    weights: Weights = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Reconstruct held-out samples, and tell the error: writes OUT.npz, and OUT.png for images and points."""
    import torch

    from genkit.core.reconstruction_error import mean_squared_error
    from genkit.draw.reconstructions import reconstruction_note, save_reconstructions
    from genkit.evaluation.samples import in_chunks
    from genkit.runs.trained import open_trained

    trained = open_trained(run, weights)
    model = autoencoder_of(trained, run, "`genkit sample` draws from it.")
    chosen = select_inputs(trained, run, number, pictures, overrides)
    with torch.no_grad():
        reconstructions = in_chunks(model.reconstruct, chosen.x, model.data_shape)
    error = mean_squared_error(chosen.x, reconstructions)

    shown = chosen.describe(len(chosen.x))
    how = f"{shown}, decoded from the posterior mean"
    clamped = ", clamped to [0, 1]" * (chosen.x.ndim == 4)
    note = reconstruction_note(shown, error)
    draw = partial(save_reconstructions, inputs=chosen.x, outputs=reconstructions, title=trained.title, note=note)
    arrays = {"input": chosen.x, "reconstruction": reconstructions}
    written = write_outputs(out, run / f"reconstructions-{trained.weights}{chosen.suffix}", arrays, draw)
    if json:
        facts = {"samples": len(chosen.x), "total": chosen.total, "of": chosen.source, "names": chosen.names}
        facts |= {"weights": trained.weights}
        print(
            json_format.dumps(
                {**facts, "mean_squared_error": error if math.isfinite(error) else None, "written": written}
            )
        )
    else:
        print(f"mean squared error  {error:.5g}  ({how}{clamped}; {trained.weights} weights)")
        print("\n".join(written))
