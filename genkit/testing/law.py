"""Laws of a part: what genkit assumes of its kind. A test raises at the first broken one; `collected` gathers all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from genkit.near_miss import ended
from genkit.part_code import code_of, describe_bug, is_refusal, refuses_its_input


@dataclass(frozen=True)
class Law:
    """One assumption about a part."""

    name: str  # "zero on itself"
    check: Callable[[], None]  # raises `AssertionError` with what is wrong, in one sentence without a full stop
    remedy: str  # what the author of the part must do, a sentence or two
    basic: bool = False  # the laws after it need it


@dataclass(frozen=True)
class Verdict:
    """The outcome of a law for one part."""

    law: str
    broken: str = ""  # what is wrong; empty if the law holds
    remedy: str = ""  # empty if `broken` has it
    refused: bool = False  # a basic law, and the part does not support what it was tried on: `broken` says why

    @property
    def message(self) -> str:
        """What is wrong, and what to do."""
        return " ".join(ended(text) for text in (self.broken, self.remedy) if text)


FAILURES = (Exception, SystemExit, GeneratorExit)  # of the code of a part; Ctrl-C is the user's
_verdicts: ContextVar[list[Verdict] | None] = ContextVar("verdicts", default=None)


@contextmanager
def collected() -> Iterator[list[Verdict]]:
    """Yield the list that the laws checked in the block append to. A broken law then raises nothing."""
    found: list[Verdict] = []
    token = _verdicts.set(found)
    try:
        yield found
    finally:
        _verdicts.reset(token)


def hold(part: object, laws: Iterable[Law]) -> None:
    """Check each law. Raises `AssertionError` with the place of the part, what is wrong and what to do."""
    verdicts = _verdicts.get()
    for law in laws:
        try:
            law.check()
        except FAILURES as error:
            broken = _what_is_wrong(part, error)
            if verdicts is None:
                raise AssertionError(
                    f'{code_of(part)} breaks the law "{law.name}": {ended(broken)} {law.remedy}'
                ) from error
            verdicts.append(Verdict(law.name, broken, law.remedy, law.basic and refuses_its_input(error)))
            if law.basic:
                return
            continue
        if verdicts is not None:
            verdicts.append(Verdict(law.name))


def for_each_case(cases: Mapping[str, Sequence[Law]]) -> list[Law]:
    """Return laws that hold if they hold in every case, such as for each split. All cases have the same laws.

    Raises `ValueError` without a case: laws that check nothing would hold for every part.
    """
    if not cases:
        raise ValueError("no case to check: give at least one")
    return [_in_all(dict(zip(cases, laws, strict=True))) for laws in zip(*cases.values(), strict=True)]


def _in_all(laws: Mapping[str, Law]) -> Law:
    def check() -> None:
        for case, law in laws.items():
            try:
                law.check()
            except AssertionError as error:
                raise AssertionError(f"{case}: {error}" if case else str(error)) from error

    return replace(next(iter(laws.values())), check=check)


def _what_is_wrong(part: object, error: BaseException) -> str:
    """Return what a law has found: its own sentence, the refusal of the part, or the bug that stopped it."""
    if isinstance(error, AssertionError) or is_refusal(error):
        return str(error).strip().partition("\nassert ")[0].rstrip(".")
    return describe_bug(part, error).rstrip(".")


def assert_tensor(found: object, shape: tuple[int, ...], what: str) -> None:
    """Raise `AssertionError` unless an object is a tensor of this shape; `what` says which object."""
    assert isinstance(found, Tensor), f"{what} is a {type(found).__name__}, expected a tensor {shape}"
    assert found.shape == shape, f"{what}: the shape is {tuple(found.shape)}, expected {shape}"


def assert_same(found: Tensor, expected: Tensor, what: str, *, rtol: float = 0.0, atol: float = 0.0) -> None:
    """Raise `AssertionError` unless two tensors have one shape and are equal; `what` says what differs.

    A difference up to atol + rtol·|expected| is allowed. Values that are not finite are equal to themselves.
    """
    assert found.shape == expected.shape, f"{what}: the shapes are {tuple(found.shape)} and {tuple(expected.shape)}"
    equal = torch.isclose(found.double(), expected.double(), rtol=rtol, atol=atol, equal_nan=True)
    if not equal.all():
        difference = (found.double() - expected.double()).abs().max().item()
        raise AssertionError(
            f"{what}: {(~equal).sum().item()} of {equal.numel()} numbers differ, by up to {difference:.3g}"
        )


def assert_finite(found: Tensor, what: str) -> None:
    """Raise `AssertionError` unless every number is finite."""
    wrong = (~found.isfinite()).sum().item()
    assert not wrong or found.numel() > 1, f"{what} is {found.sum().item()}"
    assert not wrong, f"{what}: {wrong} of {found.numel()} numbers are not finite"
