"""The parts of the program, and the seconds that each gets on one GPU: eight minutes, less what a part may overrun."""

from __future__ import annotations

import importlib
import time
import traceback
from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks.gpu.rows import Check, Row, failed, left_out
from benchmarks.gpu.settings import Settings


class Part(NamedTuple):
    """A module of this package with a function `checks`."""

    seconds: float
    what: str


PARTS = {
    "device": Part(10, "the device, and the rate of large products in each precision"),
    "agreement": Part(40, "totals of the first steps on the GPU and on the CPU: relative difference"),
    "input": Part(10, "batches on the GPU with other bits than those on the CPU"),
    "resume": Part(50, "tensors of a resumed run with other bits than those of an uninterrupted one"),
    "precision": Part(40, "totals of the first steps in tf32, bf16 and fp16, and in fp32: relative difference"),
    "synchronisation": Part(30, "operations of a step that let the program wait for the device"),
    "processes": Part(60, "weights of two processes and of one: relative L2 difference"),
    "compiled": Part(80, "totals of the first steps, compiled and uncompiled: relative difference"),
    "speed": Part(140, "time, memory and share of the device's rate of a step, beside the published step"),
}
BUDGET = sum(part.seconds for part in PARTS.values())


def checks_of(part: str, settings: Settings) -> Iterator[Check]:
    """Return the checks of a part."""
    return importlib.import_module(f"benchmarks.gpu.{part}").checks(settings)


def rows_of(part: str, settings: Settings, seconds: float, now: Callable[[], float] = time.monotonic) -> Iterator[Row]:
    """Run the checks of a part and yield their rows; one that fails is a row, and none begins after `seconds`."""
    start = now()
    for check in checks_of(part, settings):
        if now() - start > seconds:
            yield left_out(check.label, "", f"no time left of {seconds:.0f} s")
            continue
        try:
            yield from check.measure()
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            text = (str(error).strip().splitlines() or [""])[0]
            yield failed(check.label, "", f"{type(error).__name__}: {text} ({place.filename}:{place.lineno})")
