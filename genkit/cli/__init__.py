"""The command line: one file a command. Nothing here imports torch before a command needs it."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from genkit import __version__
from genkit.cli import (
    compare,
    convert,
    data,
    doctor,
    evaluate,
    figures,
    interpolate,
    plan,
    plugins,
    recipes,
    reconstruct,
    resume,
    run,
    sample,
    table,
)

app = typer.Typer(
    help="Train introspective and adversarial autoencoders from recipes and plugins.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # rich is slow to import, and a help text needs no colours
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"genkit-torch {__version__}")
        raise typer.Exit


@app.callback()
def options(
    plugin: Annotated[
        str, typer.Option("--plugins", metavar="all|none|NAME,...", help="Which installed plugins to load.")
    ] = "",
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""
    if plugin:
        os.environ["GENKIT_PLUGINS"] = plugin  # the environment reaches the processes that a command launches


app.command("run")(run.run)
app.command("plan")(plan.plan)
app.command("resume")(resume.resume)
app.command("eval")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("sample")(sample.sample)
app.command("reconstruct")(reconstruct.reconstruct)
app.command("interpolate")(interpolate.interpolate)
app.command("figures")(figures.figures)
app.command("convert")(convert.convert)
app.add_typer(table.app, name="table")
app.add_typer(data.app, name="data")
app.add_typer(plugins.app, name="plugins")
app.add_typer(recipes.app, name="recipes")
app.command("doctor")(doctor.doctor)
