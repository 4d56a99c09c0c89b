"""Trainings with compiled networks, compared with the same training uncompiled on the same device."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.gpu.agreement import IN_FP32, ROUNDINGS
from benchmarks.gpu.precision import EPSILON, EPSILONS
from benchmarks.gpu.rows import Check, Row, at_most, failed
from benchmarks.gpu.settings import Settings, compiler_of
from benchmarks.gpu.small import Small, small_cases, with_train
from benchmarks.gpu.training import difference, first_terms

STEPS = 4
FIRST = ("soft-introvae", "wgan-gp")  # compilation takes long, so first a method of each kind


def checks(settings: Settings) -> Iterator[Check]:
    """Yield a check for each method on pictures; the most telling first, and fp32 before bf16."""
    cases = [case for case in small_cases(settings) if case.kind == "pictures"]
    cases.sort(key=lambda case: case.method not in FIRST)
    for precision in ("fp32",) if settings.tiny else ("fp32", "bf16"):
        for case in cases[:1] if settings.tiny else cases:
            yield Check(f"{case.name}, {precision}", partial(compare_compiled, settings, case, precision))


def compare_compiled(settings: Settings, case: Small, precision: str) -> Iterator[Row]:
    """Yield the difference of the totals; a compilation that fails is a failure, though a run would go on without."""
    steps = 2 if settings.tiny else STEPS
    plain = first_terms(case.plan(precision), settings.device, steps)
    with compiler_of(settings) as uncompiled:
        plan = with_train(case.plan(precision), compile=True)
        terms = first_terms(plan, settings.device, steps, mistake=settings.mistake)
    what = f"{precision}, compiled - uncompiled"
    if uncompiled:
        yield failed(case.name, what, uncompiled[0])
        return
    if precision == "fp32":
        in_fp64 = first_terms(case.plan("fp64"), settings.device, steps)
        bound = max(IN_FP32, ROUNDINGS * difference(in_fp64, plain))
    else:
        bound = EPSILONS * EPSILON[precision]
    yield at_most(case.name, what, difference(plain, terms), bound)
