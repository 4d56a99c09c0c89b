"""``genkit fit-prior RUN``: a prior that is fitted to the codes of the training data."""

from __future__ import annotations

import json as json_format
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genkit.cli.arguments.number_option import whole_number
from genkit.cli.arguments.options import DataOverrides, Json, RunOrModel, overrides_within
from genkit.cli.places.inputs import print_remark
from genkit.cli.places.outputs import refuse_inside_data
from genkit.cli.places.writable import folder_to_write
from genkit.console.escapes import in_one_line

if TYPE_CHECKING:
    from genkit.runs.trained_models.fit_prior import FitFacts


def fit_prior(
    run: RunOrModel,
    components: Annotated[
        int, whole_number("--components", least=1, help="Number of Gaussians with full covariances.")
    ] = 10,
    number: Annotated[
        int | None,
        whole_number("--number", "-n", least=1, help="Most samples to encode, chosen at random; by default all."),
    ] = None,
    overrides: DataOverrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", parser=folder_to_write("--out"), help="Model folder; by default RUN/fitted."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Fit a prior to the codes of the training data.

    Write a model folder, RUN/fitted, which differs from RUN/final in its prior only: a mixture of Gaussians, fitted to
    a code z ~ q(z|x) for each sample of the train split. `genkit sample RUN/fitted`, `genkit eval RUN/fitted` and the
    other commands that take a model folder then use it. The report of RUN shows the fit; the rest of RUN stays as it
    is. An earlier fit is replaced, also if RUN is one; other files of its folder stay. Data without end give 10,000
    draws.
    """
    from genkit.errors import Interrupted
    from genkit.runs.trained_models.fit_prior import fit_prior as fit
    from genkit.runs.trained_models.saved_model import find_model

    changed = overrides_within(("data",), overrides, "data.path=pictures")
    if out is not None:
        refuse_inside_data(out / "about.json", find_model(run).recipe.tables.get("data") or {})
    try:
        fitted = fit(run, components, number, out, changed)
    except KeyboardInterrupt:
        raise Interrupted("stopped; nothing was written. Run the same command again.") from None
    for remark in fitted.remarks:
        print_remark(f"{remark}.")
    if json:
        fits = {weights: asdict(each) for weights, each in fitted.fits.items()}
        print(json_format.dumps({"folder": str(fitted.folder), "components": components, "fits": fits}))
        return
    for weights, each in fitted.fits.items():
        print(f"{weights:9} {_described(each)}")
    print(
        f"folder    {in_one_line(fitted.folder)}: {components} Gaussian{'s' * (components != 1)} with full covariances"
    )
    folder, has_metrics = shlex.quote(str(fitted.folder)), "metrics" in find_model(fitted.folder).recipe.tables
    print(f"next      genkit sample {folder}")
    if has_metrics:
        print(f"          genkit eval {folder}")


def _described(fit: FitFacts) -> str:
    """Return the facts of a fit on one line."""
    held_out = fit.held_out_log_likelihood
    tested = "" if held_out is None else f", of {fit.held_out_codes:,} held-out ones {held_out:.2f}"
    density = f"mean log-density of their codes {fit.log_likelihood:.2f} nats{tested}"
    return f"{fit.samples}, {fit.iterations} iterations; {density}"
