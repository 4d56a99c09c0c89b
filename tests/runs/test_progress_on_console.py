"""The console says of which weights a value is where the pictures of the run are of others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from genkit.console.output import Console
from genkit.core.metric import EvaluationProtocol
from genkit.core.result import Result
from genkit.runs.training.progress_on_console import ProgressOnConsole

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [({"ema": {"decay": 0.9}}, "a 1 (raw weights)  b 2"), ({}, "a 1  b 2 (ema weights)")],
    ids=["ema", "raw"],
)
def test_weights_are_said_where_they_are_not_those_of_the_pictures(recipe, expected, capsys):
    results = [
        Result("a", 1.0, "lower", EvaluationProtocol(5, "test", "raw")),
        Result("b", 2.0, "lower", EvaluationProtocol(5, "test", "ema")),
    ]
    progress = ProgressOnConsole(Console())
    view: Any = SimpleNamespace(plan=SimpleNamespace(resolved=recipe, steps=10))
    progress.started(view)
    progress.evaluated(5, results)
    progress.closed()
    assert capsys.readouterr().out.rstrip().endswith(f"step 5/10  {expected}")
