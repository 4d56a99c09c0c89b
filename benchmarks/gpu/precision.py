"""Trainings in tf32, bf16 and fp16, compared with the same training in fp32 on the same device."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.gpu.rows import Check, Row, at_most, left_out
from benchmarks.gpu.settings import PRECISIONS, Settings
from benchmarks.gpu.small import Small, small_cases
from benchmarks.gpu.training import difference, first_terms

STEPS = 10
EPSILON = {"tf32": 2.0**-10, "bf16": 2.0**-7, "fp16": 2.0**-10}  # distance of 1 to the next number
EPSILONS = 8  # that a total may differ by: errors add up over layers and steps


def checks(settings: Settings) -> Iterator[Check]:
    """Yield a check for each case."""
    for case in small_cases(settings, few=settings.tiny):
        yield Check(case.name, partial(compare_precisions, settings, case))


def compare_precisions(settings: Settings, case: Small) -> Iterator[Row]:
    """Yield a row for each precision but fp32."""
    steps = 2 if settings.tiny else STEPS
    in_fp32 = first_terms(case.plan("fp32"), settings.device, steps)
    for precision in PRECISIONS[1:]:
        if why := settings.refuses(precision):
            yield left_out(case.name, precision, why)
            continue
        terms = first_terms(case.plan(precision), settings.device, steps, mistake=settings.mistake)
        yield at_most(case.name, f"{precision} - fp32", difference(in_fp32, terms), EPSILONS * EPSILON[precision])
