"""``genkit table``: train, show, reproduce or draw a table of results."""

from genkit.cli.arguments.html_option import CommandWithPage
from genkit.cli.arguments.plain_command import Commands
from genkit.cli.table import subcommands
from genkit.cli.table.group import TableGroup

app = Commands(
    cls=TableGroup,
    help="Train, show, reproduce or draw a table of results. `genkit table TABLE` does the same as `train`.",
    subcommand_metavar="TABLE | COMMAND [ARGS]...",
)
app.command("train")(subcommands.train)
app.command("show", cls=CommandWithPage)(subcommands.show)
app.command("reproduce")(subcommands.reproduce)
app.command("figure")(subcommands.figure)
