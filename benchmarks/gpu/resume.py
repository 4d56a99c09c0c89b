"""A run that was resumed, compared bit by bit with one that was not: weights, EMA, optimisers, gradient scaler.

A resume can only have equal bits if a training that is repeated has. Where bits differ, the row also says how many
differ when the training is repeated, and a second row shows the resume with deterministic algorithms.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.gpu.rows import Check, Row, at_most, left_out
from benchmarks.gpu.settings import PRECISIONS, Settings
from benchmarks.gpu.small import Small, small_cases
from benchmarks.gpu.training import different_bits, train_to
from genkit.recipe.plan import Plan

HALF, WHOLE = 3, 6  # steps


def checks(settings: Settings) -> Iterator[Check]:
    """Yield a check for each case and precision."""
    for case in small_cases(settings, few=settings.tiny):
        for precision in PRECISIONS:
            yield Check(f"{case.name}, {precision}", partial(resume, settings, case, precision))


def resume(settings: Settings, case: Small, precision: str) -> Iterator[Row]:
    """Yield the number of tensors of a resumed run whose bits differ from those of an uninterrupted one."""
    if why := settings.refuses(precision):
        yield left_out(case.name, precision, why)
        return
    plan = case.plan(precision)
    row = _resumed(settings, case, plan, precision)
    yield row
    if not row["ok"] and settings.device == "cuda":
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield _resumed(settings, case, plan, f"{precision}, deterministic")
        finally:
            torch.use_deterministic_algorithms(False)


def _resumed(settings: Settings, case: Small, plan: Plan, what: str) -> Row:
    with TemporaryDirectory() as folder:
        root, device = Path(folder), settings.device
        whole = train_to(plan, device, WHOLE, root / "whole")
        half = train_to(plan, device, HALF, root / "half")
        resumed = train_to(plan, device, WHOLE, root / "resumed", half, mistake=settings.mistake)
        differ = different_bits(whole, resumed)
        more: dict[str, Any] = {}
        if differ:
            again = train_to(plan, device, WHOLE, root / "again")
            more = {"differ": differ[:3], "differ_when_repeated": len(different_bits(whole, again))}
    return at_most(case.name, what, len(differ), 0, unit="tensors", **more)
