"""The command line: one file per command. `genkit --help` imports neither torch nor pydantic nor rich."""

from __future__ import annotations

from typing import Annotated

import typer

from genkit import __version__
from genkit.cli import (
    anomaly,
    compare,
    convert,
    data,
    doctor,
    encode,
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
    schema,
    score,
    table,
)
from genkit.cli.command_group import CommandGroup
from genkit.cli.complete_names import complete_plugins
from genkit.recipe.plugin_selection import select_plugins

app = typer.Typer(
    cls=CommandGroup,
    help="Train introspective and adversarial autoencoders from recipes and plugins.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # rich is slow to import
)


def _print_version(requested: bool) -> None:
    if requested:
        print(f"genkit-torch {__version__}")
        raise typer.Exit


@app.callback()
def options(
    plugins_to_load: Annotated[
        str,
        typer.Option(
            "--plugins",
            metavar="all|none|NAME,...",
            autocompletion=complete_plugins,
            help="Installed plugins to load; all by default.",
        ),
    ] = "",
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Handle the options before the command."""
    select_plugins(plugins_to_load)


app.command("run")(run.run)
app.command("plan")(plan.plan)
app.command("resume")(resume.resume)
app.command("eval")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("sample")(sample.sample)
app.command("reconstruct")(reconstruct.reconstruct)
app.command("interpolate")(interpolate.interpolate)
app.command("score")(score.score)
app.command("anomaly")(anomaly.anomaly)
app.command("encode")(encode.encode)
app.command("figures")(figures.figures)
app.command("convert")(convert.convert)
app.add_typer(table.app, name="table")
app.add_typer(data.app, name="data")
app.add_typer(plugins.app, name="plugins")
app.add_typer(recipes.app, name="recipes")
app.command("schema")(schema.schema)
app.command("doctor")(doctor.doctor)
