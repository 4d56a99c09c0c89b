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
    demo,
    doctor,
    encode,
    evaluate,
    export,
    figures,
    fit_prior,
    interpolate,
    ls,
    plan,
    plugins,
    push,
    recipes,
    reconstruct,
    report,
    resume,
    run,
    sample,
    schema,
    score,
    table,
    tune,
)
from genkit.cli.arguments.command_group import CommandGroup
from genkit.cli.arguments.headings import LOOK, OWN, SET_UP, SHARE, TABLES, TRAIN
from genkit.cli.arguments.html_option import CommandWithPage
from genkit.cli.arguments.metrics_argument import CommandWithMetrics
from genkit.cli.arguments.plain_command import Commands
from genkit.cli.completion.complete_names import complete_plugins
from genkit.cli.places.given_model import CommandWithModel
from genkit.recipe.installed.plugin_selection import check_selection, select_plugins

app = Commands(
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
    """Handle the options before the command. Raises `UsageError` for a plugin that is not installed."""
    select_plugins(plugins_to_load)
    check_selection()


app.add_typer(recipes.app, name="recipes", rich_help_panel=TRAIN)
app.add_typer(data.app, name="data", rich_help_panel=TRAIN)
app.command("plan", rich_help_panel=TRAIN)(plan.plan)
app.command("run", rich_help_panel=TRAIN)(run.run)
app.command("resume", rich_help_panel=TRAIN)(resume.resume)
app.command("tune", rich_help_panel=TRAIN)(tune.tune)
app.command("ls", rich_help_panel=LOOK)(ls.ls)
app.command("report", rich_help_panel=LOOK)(report.report)
app.command("eval", cls=CommandWithMetrics, rich_help_panel=LOOK)(evaluate.evaluate)
app.command("compare", cls=CommandWithPage, rich_help_panel=LOOK)(compare.compare)
app.command("sample", cls=CommandWithModel, rich_help_panel=LOOK)(sample.sample)
app.command("reconstruct", cls=CommandWithModel, rich_help_panel=LOOK)(reconstruct.reconstruct)
app.command("interpolate", cls=CommandWithModel, rich_help_panel=LOOK)(interpolate.interpolate)
app.command("figures", rich_help_panel=LOOK)(figures.figures)
app.command("fit-prior", rich_help_panel=LOOK)(fit_prior.fit_prior)
app.command("demo", cls=CommandWithModel, rich_help_panel=LOOK)(demo.demo)
app.command("score", cls=CommandWithModel, rich_help_panel=OWN)(score.score)
app.command("anomaly", cls=CommandWithModel, rich_help_panel=OWN)(anomaly.anomaly)
app.command("encode", cls=CommandWithModel, rich_help_panel=OWN)(encode.encode)
app.command("export", rich_help_panel=SHARE)(export.export)
app.command("push", rich_help_panel=SHARE)(push.push)
app.add_typer(table.app, name="table", rich_help_panel=TABLES)
app.add_typer(plugins.app, name="plugins", rich_help_panel=SET_UP)
app.command("convert", rich_help_panel=SET_UP)(convert.convert)
app.command("schema", rich_help_panel=SET_UP)(schema.schema)
app.command("doctor", rich_help_panel=SET_UP)(doctor.doctor)
