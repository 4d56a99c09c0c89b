"""The first steps on the GPU, compared with the same steps on the CPU, in float64 and in float32."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.gpu.rows import Check, Row, at_most
from benchmarks.gpu.settings import Settings
from benchmarks.gpu.small import Small, small_cases
from benchmarks.gpu.training import difference, first_terms

STEPS = 5
IN_FP64 = 1e-8
# In float32 the device may differ by as much as rounding does on the CPU: Adam takes a step of full size for a gradient
# that is nothing but a rounding error. Two devices round differently, so a few times as much counts as equal.
IN_FP32, ROUNDINGS = 1e-5, 10


def checks(settings: Settings) -> Iterator[Check]:
    """Yield a check for each case."""
    for case in small_cases(settings):
        yield Check(case.name, partial(compare_devices, settings, case))


def compare_devices(settings: Settings, case: Small) -> Iterator[Row]:
    """Yield a row for each precision."""
    steps = 2 if settings.tiny else STEPS
    on_cpu = {precision: first_terms(case.plan(precision), "cpu", steps) for precision in ("fp64", "fp32")}
    rounding = difference(on_cpu["fp64"], on_cpu["fp32"])
    for precision, bound in (("fp64", IN_FP64), ("fp32", max(IN_FP32, ROUNDINGS * rounding))):
        on_device = first_terms(case.plan(precision), settings.device, steps, mistake=settings.mistake)
        apart = difference(on_cpu[precision], on_device)
        yield at_most(case.name, f"{precision}, {settings.device} - cpu", apart, bound, rounding_on_cpu=rounding)
