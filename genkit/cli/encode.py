"""``genkit encode RUN``: latent codes of held-out samples, or of the user's own pictures."""

from __future__ import annotations

import json as json_format
from typing import Annotated

import typer

from genkit.cli.arguments.number_option import whole_number
from genkit.cli.arguments.options import DataOverrides, Json, ModelToRead, Out, Pictures, Weights, overrides_within
from genkit.cli.completion.complete_names import one_of
from genkit.cli.places.inputs import open_with_remark, print_remark, refuse_needed_class, require_autoencoder
from genkit.cli.places.output_files import OutputFiles, name_in_files
from genkit.cli.places.outputs import refuse_inside_data
from genkit.console.escapes import in_one_line
from genkit.errors import Interrupted, UsageError

ENDINGS = (".npy", ".csv", "-logvar.npy")
SPLITS = ("test", "train")


def encode(
    run: ModelToRead,
    pictures: Pictures = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            metavar="|".join(SPLITS),
            autocompletion=one_of(*SPLITS),
            help="Split of [data]; test, the default, is the held-out one.",
        ),
    ] = None,
    number: Annotated[
        int | None,
        whole_number("--number", "-n", least=1, help="Most samples of the split, chosen at random; by default all."),
    ] = None,
    logvar: Annotated[bool, typer.Option("--logvar", help="Also write the logarithms of the variances.")] = False,
    overrides: DataOverrides = None,
    weights: Weights = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Encode samples, and write the means of their posteriors.

    Write OUT.npy, (N, L), and OUT.csv with the name and the label of each row; with --logvar also OUT-logvar.npy. By
    default OUT is RUN/codes-SPLIT-WEIGHTS, or RUN/codes-of-NAME-WEIGHTS for your own pictures. Samples are read and
    written a few at a time. Data without end give 10,000 draws.
    """
    from genkit.runs.user_pictures.encode_samples import CodeFiles, set_to_encode, write_codes

    if split is not None and split not in SPLITS:
        raise UsageError(f"--split {split}: expected test (held out) or train.")
    if pictures is not None and (split or number):
        option = "--split" if split else "--number"
        raise UsageError(f"--data {pictures}: all of its pictures are encoded. Leave out {option}.")
    changed = overrides_within(("data",), overrides, "data.path=pictures")
    trained = open_with_remark(run, weights)
    model = require_autoencoder(trained, run, "`genkit sample` draws samples from it.")
    if pictures is not None:
        refuse_needed_class(
            model, f"--data {pictures}", "Encode a split of [data], which has labels: leave out --data."
        )
    samples = set_to_encode(run.folder, trained, pictures, split or "test", number, changed)
    name = samples.name if pictures is None else f"of-{name_in_files(samples.name, pictures)}"
    output = OutputFiles(out, run.output(f"codes-{name}-{trained.weights}"), ENDINGS)
    refuse_inside_data(output.stem, trained.data, pictures)
    try:
        with output.writing() as (means, table, logvars):
            write_codes(model, samples, CodeFiles(means, table, logvars if logvar else None))
    except KeyboardInterrupt:
        raise Interrupted("stopped; nothing was written. Run the same command again.") from None

    written = [str(path) for path in output.written]
    print_remark(samples.remark())
    if json:
        facts = {
            "samples": len(samples),
            "of": samples.described,
            "latent_dim": model.latent_dim,
            "values": samples.values(),
        }
        print(json_format.dumps({**facts, "weights": trained.weights, "written": written}))
    else:
        print(f"{samples.described}: {model.latent_dim} numbers each; {trained.weights} weights")
        print("\n".join(map(in_one_line, written)))
