"""``genkit interpolate RUN``: what lies between two latent codes."""

from __future__ import annotations

import json as json_format
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.inputs import autoencoder_of, select_inputs
from genkit.cli.options import DataOverrides, FinishedRun, Json, Out, Pictures, Weights
from genkit.cli.outputs import write_outputs

CAPTION = 12  # characters of a file's name that stand beside a path


def interpolate(
    run: FinishedRun,
    between: Annotated[
        str, typer.Option("--between", metavar="data|samples", help="Posterior means, or draws of the prior.")
    ] = "data",
    path: Annotated[
        str, typer.Option("--path", metavar="spherical|linear", help="The way between two codes.")
    ] = "spherical",
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many paths, at most.")] = 8,
    steps: Annotated[int, typer.Option("--steps", min=2, help="Codes on a path, both ends included.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws of the prior.")] = 0,
    pictures: Pictures = None,
    overrides: DataOverrides = None,
    weights: Weights = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Decode paths between latent codes: writes OUT.npz, and OUT.png for images and for points in the plane."""
    import torch

    from genkit.core.latent_paths import PATHS
    from genkit.draw.interpolations import save_interpolations
    from genkit.errors import UsageError, near_miss
    from genkit.evaluation.samples import in_chunks
    from genkit.runs.trained import draw_codes, open_trained

    if path not in PATHS:
        raise UsageError(f"--path {path}: is no path.{near_miss(path, PATHS)}")
    if between not in ("data", "samples"):
        raise UsageError(
            f"--between {between}: expected data, for posterior means, or samples, for draws of the prior."
        )
    if between == "samples" and (pictures or overrides):
        raise UsageError("--between samples reads no data: leave out --data and --set.")
    trained = open_trained(run, weights)
    shape = trained.model.data_shape

    # The two ends of each path: codes a and b, and the samples that they are the codes of.
    ends, suffix = None, ""
    if between == "data":
        model = autoencoder_of(trained, run, "--between samples takes draws of the prior.")
        chosen = select_inputs(trained, run, 2 * number, pictures, overrides)
        suffix = chosen.suffix
        if len(chosen.x) < 2:
            raise UsageError(f"a path lies between two samples, and there is one: {chosen.names[0]}.")
        number = len(chosen.x) // 2
        ends = torch.stack([chosen.x[:number], chosen.x[number : 2 * number]], dim=1)
        with torch.no_grad():
            z = in_chunks(lambda x: model.encoder(x).mu, ends.flatten(0, 1), shape)
        a, b = z.unflatten(0, (number, 2)).unbind(1)
        names = [_short(name) for name in chosen.names] or [str(place) for place in range(2 * number)]
        captions = [f"{names[k]} → {names[number + k]}" for k in range(number)]
        what = f"the posterior means of {chosen.describe(2 * number)}"
    else:
        a, b = draw_codes(trained.model, 2 * number, seed).chunk(2)
        captions = [f"path {k}" for k in range(number)]
        what = f"draws of the prior, seed {seed}"

    z = PATHS[path](a, b, steps)
    with torch.no_grad():
        decoded = in_chunks(trained.model.sample, z.flatten(0, 1), shape).unflatten(0, (number, steps))
    note = f"{number} {path} path{'s' * (number != 1)} of {steps} codes, between {what}."
    draw = partial(save_interpolations, decoded=decoded, ends=ends, captions=captions, title=trained.title, note=note)
    arrays = {"code": z, "decoded": decoded} | ({} if ends is None else {"input": ends})
    written = write_outputs(out, run / f"paths-{between}-{path}-{trained.weights}{suffix}", arrays, draw)
    if json:
        facts = {"paths": number, "steps": steps, "between": between, "path": path, "weights": trained.weights}
        print(json_format.dumps({**facts, "written": written}))
    else:
        print("\n".join(written))


def _short(name: str) -> str:
    """Return the end of a file's name, which tells it from its neighbours."""
    stem = Path(name).stem
    return stem if len(stem) <= CAPTION else f"…{stem[1 - CAPTION :]}"
