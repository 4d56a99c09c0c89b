"""The command ``eval``, whose metrics are an option: names after the run are an error that says so."""

from __future__ import annotations

from typing import Any

from genkit.cli.places.given_model import CommandWithModel
from genkit.console.escapes import escaped


class CommandWithMetrics(CommandWithModel):
    """A command with one model and the option ``--metrics``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments. Raises typer's usage error, exit code 2, for more than the model."""
        ctx.allow_extra_args = True
        rest: list[str] = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            names = ",".join(rest)
            ctx.fail(
                f"{escaped(' '.join(rest))}: unexpected, since one model is evaluated. "
                f"Name metrics with an option: --metrics {escaped(names)}"
            )
        return rest
