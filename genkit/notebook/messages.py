"""Messages of the functions that commands share, with the names of arguments in place of those of options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from genkit.errors import RecipeError, UsageError

ARGUMENTS = {
    "--fpr": "fpr",
    "--smooth": "smooth",
    "--score": "score",
    "--data": "pictures",
    "--normal": "normal",
    "--metrics": "metrics",
    "--batch-norm": "batch_norm",
    "--set": "set",
    "--weights": "weights",
    "--cells": "cells",
    "--components": "components",
    "--number": "number",
    "--out": "out",
    "--runs": "runs",
}
CHOICE = re.compile(r"--weights (raw|ema)\b")  # advice, which Python writes in quotes
COMMAND = re.compile(r"(`[^`]*`)")  # a command to type, whose options stay
CHANGE = r"--set [\w.-]+=[\w.-]*\w"
SET = re.compile(rf"(?<=\S ){CHANGE}(?: {CHANGE})*")  # advice too; at the beginning it is a place
ADVICE = re.compile(rf"(?<=\bwith )({'|'.join(ARGUMENTS)})(?=[.,;])")  # "choose another folder with --runs."
OPTION = re.compile(rf"(?<![^\s(\"])({'|'.join(ARGUMENTS)})(?![\w/-])")


@contextmanager
def naming_arguments() -> Iterator[None]:
    """Let a `UsageError` of the block name arguments of Python, such as ``fpr``, where it names options."""
    try:
        yield
    except RecipeError as error:
        problems = []
        for problem in error.problems:
            file, option = map(with_arguments, (problem.place.file, problem.place.option))
            place = replace(problem.place, file=file, option=option)
            problems.append(replace(problem, place=place, text=with_arguments(problem.text)))
        raise RecipeError(problems) from None
    except UsageError as error:
        if type(error) is not UsageError:
            raise
        raise UsageError(with_arguments(str(error))) from None


def with_arguments(text: str) -> str:
    """Return a message that names arguments of Python where it names options, outside commands to type."""
    parts = COMMAND.split(text)
    for index in range(0, len(parts), 2):
        code = CHOICE.sub(r'weights="\1"', parts[index])
        code = ADVICE.sub(lambda found: f"{ARGUMENTS[found[1]]}=...", code)
        code = SET.sub(lambda found: _set_argument(found[0]), code)
        parts[index] = OPTION.sub(lambda found: ARGUMENTS[found[1]], code)
    return "".join(parts)


def _set_argument(options: str) -> str:
    """Return the argument for ``--set A=1 --set B=2``: ``set=["A=1", "B=2"]``."""
    changes = [f'"{change}"' for change in options.removeprefix("--set ").split(" --set ")]
    return f"set={changes[0]}" if len(changes) == 1 else f"set=[{', '.join(changes)}]"
