"""``genkit interpolate RUN``: decoded paths between latent codes."""

from __future__ import annotations

import json as json_format
from functools import partial
from typing import Annotated

import typer

from genkit.cli.arguments.number_option import whole_number
from genkit.cli.arguments.options import DataOverrides, Json, ModelToRead, Out, Pictures, Weights
from genkit.cli.completion.complete_names import one_of
from genkit.cli.places.array_and_picture import write_array_and_picture
from genkit.cli.places.inputs import open_with_remark, refuse_needed_class, require_autoencoder, select_inputs
from genkit.console.escapes import in_one_line


def interpolate(
    run: ModelToRead,
    between: Annotated[
        str,
        typer.Option(
            "--between",
            metavar="data|samples",
            autocompletion=one_of("data", "samples"),
            help="Ends of the paths: posterior means (data) or draws of the prior (samples).",
        ),
    ] = "data",
    path: Annotated[
        str | None,
        typer.Option(
            "--path",
            metavar="spherical|linear",
            autocompletion=one_of("spherical", "linear"),
            help="Shape of the paths: an arc (the default for the prior N(0, I)) or a straight line.",
        ),
    ] = None,
    number: Annotated[int, whole_number("--number", "-n", least=1, help="Largest number of paths.")] = 8,
    steps: Annotated[
        int, whole_number("--steps", least=2, help="Number of codes on each path, including both ends.")
    ] = 8,
    seed: Annotated[int, whole_number("--seed", least=0, help="Seed of the draws of the prior.")] = 0,
    pictures: Pictures = None,
    overrides: DataOverrides = None,
    weights: Weights = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Decode paths between latent codes.

    Write OUT.npz with the arrays `code`, `decoded` and, between data, `input`, and for images and points in the plane
    OUT.png. By default OUT is RUN/paths-BETWEEN-PATH-WEIGHTS, followed by -of-NAME for your own pictures.
    """
    from genkit.cli.show.show_picture import show_rows
    from genkit.core.latent_paths import PATHS
    from genkit.draw.interpolations import caption_paths, save_interpolations
    from genkit.errors import UsageError
    from genkit.near_miss import near_miss
    from genkit.runs.trained_models.interpolate import choose_path, interpolate_prior, interpolate_samples

    if path is not None and path not in PATHS:
        raise UsageError(f"--path {path}: unknown path.{near_miss(path, PATHS)}")
    if between not in ("data", "samples"):
        raise UsageError(f"--between {between}: expected data (posterior means) or samples (draws of the prior).")
    if between == "samples" and (pictures or overrides):
        raise UsageError("--between samples: reads no data. Leave out --data and --set.")
    trained = open_with_remark(run, weights)
    path = choose_path(path, trained.model)

    if between == "data":
        model = require_autoencoder(trained, run, "Use draws of the prior: --between samples.")
        refuse_needed_class(model, "--between data", "Use draws of the prior: --between samples.")
        inputs = select_inputs(trained, run, 2 * number, pictures, overrides)
        number = len(inputs.x) // 2
        if number == 0:
            place = run if pictures is None else f"--data {pictures}"
            raise UsageError(f"{place}: only one sample, {inputs.names[0]}. A path needs two.")
        paths = interpolate_samples(model, inputs.x[: 2 * number], path, steps)
        captions, suffix = caption_paths(inputs.names, number), inputs.suffix
        ends = f"the posterior means of {inputs.describe(2 * number)}"
    else:
        paths = interpolate_prior(trained.model, number, path, steps, seed)
        captions, suffix = [f"path {k}" for k in range(number)], ""
        ends = f"draws of the prior, seed {seed}"

    note = f"{number} {path} path{'s' * (number != 1)} of {steps} codes, between {ends}."
    draw = partial(
        save_interpolations,
        decoded=paths.decoded,
        ends=paths.inputs,
        captions=captions,
        title=trained.title,
        note=note,
    )
    default = run.output(f"paths-{between}-{path}-{trained.weights}{suffix}")
    written = write_array_and_picture(out, default, paths.as_arrays(), draw, trained.data, pictures)
    if json:
        facts = {"paths": number, "steps": steps, "between": between, "path": path, "weights": trained.weights}
        print(json_format.dumps({**facts, "written": written}))
    else:
        show_rows(list(paths.decoded), whole=True)
        print("\n".join(map(in_one_line, written)))
