"""Remark of a loss on the training: what its averaged terms show, such as two players out of balance.

The loss decides (`genkit.core.loss.LossWithRemark`); this module averages the terms over the lines of metrics.jsonl,
and lets a run have one remark. A mean over many lines changes little from one to the next, so the loss is asked once in
a tenth of the averaged lines: at every line of the default log. The remark is a function of the lines, so nothing is
stored: a resumed run reads its lines again and does not repeat the remark, and the end of a run finds it in them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from genkit.core.loss import LossWithRemark, Remark
from genkit.part_code import describe_bug
from genkit.recipe.installed.registry import FAILURES
from genkit.recipe.plan import Plan

STEPS = 1000  # that the averaged lines span, at least
LINES = 10  # that are averaged, at least: a line has the terms of one batch
PARTS = 10  # of the averaged lines; the loss is asked once in each, so that a line costs no more if there are many


class TrainingRemark:
    """Watch of the lines of a run, one after another, until the loss makes a remark."""

    def __init__(self, plan: Plan):
        self._plan = plan
        self._loss = plan.loss if isinstance(plan.loss, LossWithRemark) else None
        self._window: deque[Mapping[str, float]] = deque()
        self._wait = 0  # lines until the loss is asked again

    def add(self, line: Mapping[str, float]) -> str | None:
        """Return the remark of the run if the loss makes it at this line; None before and after."""
        if self._loss is None:
            return None
        window = self._window
        window.append(line)
        while len(window) > LINES and window[1]["step"] <= line["step"] - STEPS:
            window.popleft()
        first, last = round(window[0]["step"]), round(line["step"])
        if len(window) < LINES or first > last - STEPS:
            return None
        self._wait -= 1
        if self._wait > 0:
            return None
        self._wait = (len(window) - 1) // PARTS
        try:
            remark = self._loss.remark(self._means())
            text = None if remark is None else self._text(remark)
        except FAILURES as error:  # a mistake in a remark must not end a run
            text = f"no remark: {describe_bug(self._plan.loss, error)}"
        if text is None:
            return None
        self._loss = None
        return f"steps {first} to {last}: {text}"

    def _means(self) -> dict[str, float]:
        """Return the mean of each term that all lines of the window have, by name."""
        phases = {phase.name for phase in self._plan.phases}
        names = [name for name in self._window[-1] if name.partition("/")[0] in phases]
        return {
            name: sum(line[name] for line in self._window) / len(self._window)
            for name in names
            if all(name in line for line in self._window)
        }

    def _text(self, remark: Remark) -> str:
        """Return the text with the place of each key that it advises to change."""
        places = [self._place(name) for name in remark.keys]
        return f"{remark.text} ({', '.join(places)})" if places else remark.text

    def _place(self, name: str) -> str:
        found = (key.origin for key in self._plan.keys if key.path[:2] == ("loss", name))
        return f"[loss] {name}: {next(found, 'not set')}"


def remark_on(plan: Plan, lines: Iterable[Mapping[str, float]]) -> str | None:
    """Return the remark of a run with these lines of metrics.jsonl; None if there is none."""
    watch = TrainingRemark(plan)
    return next((remark for line in lines if (remark := watch.add(line)) is not None), None)
