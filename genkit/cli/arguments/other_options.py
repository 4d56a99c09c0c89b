"""Options that a command does not have and users expect, with what takes their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

OTHER_OPTIONS = {
    ("fit-prior", "--prior"): "it fits a mixture of Gaussians, whose number is --components. The prior that a model is "
    "trained with is a key of its recipe: [model] prior",
    ("tune", "--metric"): "the space names the metric: metric = LABEL",
    ("tune", "--trials"): "the space says how many trials there are: trials = NUMBER",
}


def refuse_other_options(name: str | None, args: Sequence[str], ctx: Any) -> None:
    """Raise typer's usage error, exit code 2, for an option that a command of another name, or a file, has."""
    if ctx.resilient_parsing:
        return
    for arg in args[: args.index("--")] if "--" in args else args:
        option = arg.partition("=")[0]
        if name is not None and (text := OTHER_OPTIONS.get((name, option))):
            ctx.fail(f"{option}: no option of {name}; {text}.")
