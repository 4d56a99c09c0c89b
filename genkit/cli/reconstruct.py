"""``genkit reconstruct RUN``: samples beside their reconstructions, and the error."""

from __future__ import annotations

import json as json_format
import math
from functools import partial
from typing import Annotated

from genkit.cli.arguments.number_option import whole_number
from genkit.cli.arguments.options import DataOverrides, Json, ModelToRead, Out, Pictures, Weights
from genkit.cli.places.array_and_picture import write_array_and_picture
from genkit.cli.places.inputs import open_with_remark, refuse_needed_class, require_autoencoder, select_inputs
from genkit.console.escapes import in_one_line


def reconstruct(
    run: ModelToRead,
    number: Annotated[int, whole_number("--number", "-n", least=1, help="Largest number of samples.")] = 32,
    pictures: Pictures = None,
    overrides: DataOverrides = None,
    weights: Weights = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Reconstruct held-out samples, and print the error.

    Write OUT.npz with the arrays `input` and `reconstruction`, and for images and points in the plane OUT.png. By
    default OUT is RUN/reconstructions-WEIGHTS, followed by -of-NAME for your own pictures. The samples are spread over
    the held-out split; your own pictures are cropped at the centre and resized.
    """
    from genkit.cli.show.show_picture import show_rows
    from genkit.core.reconstruction_error import mean_squared_error
    from genkit.draw.reconstructions import reconstruction_note, save_reconstructions
    from genkit.evaluation.reconstruct import reconstruct_samples

    trained = open_with_remark(run, weights)
    model = require_autoencoder(trained, run, "`genkit sample` draws samples from it.")
    if pictures is not None:
        refuse_needed_class(model, f"--data {pictures}", "Leave out --data to reconstruct held-out samples.")
    inputs = select_inputs(trained, run, number, pictures, overrides)
    outputs = reconstruct_samples(model, inputs.x, inputs.extra)
    error = mean_squared_error(inputs.x, outputs)

    described = inputs.describe(len(inputs.x))
    note = reconstruction_note(described, error)
    draw = partial(save_reconstructions, inputs=inputs.x, outputs=outputs, title=trained.title, note=note)
    arrays = {"input": inputs.x, "reconstruction": outputs}
    written = write_array_and_picture(
        out,
        run.output(f"reconstructions-{trained.weights}{inputs.suffix}"),
        arrays,
        draw,
        trained.data,
        inputs.pictures,
    )
    if json:
        facts = {
            "samples": len(inputs.x),
            "total": inputs.total,
            "of": inputs.source,
            "names": inputs.names,
            "weights": trained.weights,
            "mean_squared_error": error if math.isfinite(error) else None,
            "written": written,
        }
        print(json_format.dumps(facts))
    else:
        clamped = ", clamped to [0, 1]" * (inputs.x.ndim == 4)
        how = f"{described}, decoded from the posterior mean{clamped}; {trained.weights} weights"
        print(f"mean squared error  {error:.5g}  ({how})")
        show_rows([inputs.x, outputs])
        print("\n".join(map(in_one_line, written)))
