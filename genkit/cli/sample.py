"""``genkit sample RUN``: samples of a finished run, as an array and as a picture."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.options import Json, Weights


def sample(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run, or its final folder.")],
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many samples.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Of the latent codes.")] = 0,
    weights: Weights = None,
    out: Annotated[Path | None, typer.Option(help="Where to write, without an ending.")] = None,
    json: Json = False,
) -> None:
    """Draw samples: writes OUT.npy, and OUT.png for images and for points in the plane."""
    import numpy as np

    from genkit.errors import UsageError
    from genkit.loading import draw_samples
    from genkit.report.preview import save_samples

    samples, which = draw_samples(run, number, seed, weights)
    stem = out or run / f"samples-{which}-seed{seed}"
    if not stem.name:
        raise UsageError(f"--out {out}: names no file; give a name without an ending, such as samples/run-1.")
    array, picture = (stem.with_name(stem.name + ending) for ending in (".npy", ".png"))
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        np.save(array, samples.numpy())
        written = [array, *save_samples(picture, samples, f"{number} samples, {which} weights")]
    except OSError as error:
        raise UsageError(f"{stem}: cannot be written: {error.strerror}. Choose another place with --out.") from None
    if json:
        print(json_format.dumps({"samples": number, "weights": which, "written": [str(path) for path in written]}))
    else:
        print("\n".join(str(path) for path in written))
