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
}
CHOICE = re.compile(r"--weights (raw|ema)\b")  # advice, which Python writes in quotes
COMMAND = re.compile(r"(`[^`]*`)")  # a command to type, whose options stay
OPTION = re.compile(rf"(?<![^\s(\"])({'|'.join(ARGUMENTS)})(?![\w/-])")


@contextmanager
def naming_arguments() -> Iterator[None]:
    """Let a `UsageError` of the block name arguments of Python, such as ``fpr``, where it names options."""
    try:
        yield
    except RecipeError as error:
        problems = []
        for problem in error.problems:
            file, option = map(_with_arguments, (problem.place.file, problem.place.option))
            place = replace(problem.place, file=file, option=option)
            problems.append(replace(problem, place=place, text=_with_arguments(problem.text)))
        raise RecipeError(problems) from None
    except UsageError as error:
        if type(error) is not UsageError:
            raise
        raise UsageError(_with_arguments(str(error))) from None


def _with_arguments(text: str) -> str:
    parts = COMMAND.split(text)
    for index in range(0, len(parts), 2):
        code = CHOICE.sub(r'weights="\1"', parts[index])
        parts[index] = OPTION.sub(lambda found: ARGUMENTS[found[1]], code)
    return "".join(parts)
