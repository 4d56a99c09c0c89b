"""``genkit demo RUN``: play with a model in the browser."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from genkit.cli.arguments.number_option import whole_number
from genkit.cli.arguments.options import DataOverrides, ModelToRead, Weights, overrides_within
from genkit.cli.places.inputs import open_with_remark
from genkit.console.escapes import escaped
from genkit.errors import UsageError


def demo(
    run: ModelToRead,
    port: Annotated[
        int | None,
        whole_number(
            "--port", least=1, most=65535, help="Port of the page; by default the first free one from 7860 on."
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="DEVICE", help='Where networks compute, such as "cuda"; the CPU.')
    ] = None,
    overrides: DataOverrides = None,
    weights: Weights = None,
) -> None:
    """Play with a model in the browser.

    Draw samples, drop in a picture and see its reconstruction and scores, walk between two samples, and move along
    latent directions. The page is on 127.0.0.1 only, and sends nothing to any other machine. Ctrl-C ends it.
    """
    if find_spec("gradio") is None:
        raise UsageError("genkit demo needs gradio: run pip install 'genkit-torch[demo]'.")
    from genkit.demo.playground import open_playground
    from genkit.demo.safely import is_computing
    from genkit.demo.serve import open_socket, serve

    of_data = overrides_within(("data",), overrides, "data.path=pictures")
    with open_socket(port) as listening:
        trained = open_with_remark(run, weights)
        playground = open_playground(run.folder, trained, device, of_data)
        print(escaped(f"opening the page of {trained.title}"), file=sys.stderr)  # its packages take some seconds
        serve(playground, listening, lambda address: print(f"{address}   (Ctrl-C ends it)", flush=True))
    print("stopped", flush=True)
    if is_computing():
        os._exit(0)  # Ctrl-C ends at once: Python would wait for a picture that nobody will see
