"""Scale of the numbers of a metric, if it declares one: from a number without merit to the best possible one."""

from __future__ import annotations

from typing import NamedTuple

from genkit.core.metric import EvaluationProtocol, Metric


class ValueScale(NamedTuple):
    """Ends of the numbers of a metric that matter."""

    worst: float
    """Number of a model without merit, such as .5 for an AUROC; worse ones are possible."""
    best: float
    """Best possible number."""
    counts: bool = False
    """Whether a number counts things, of which there are `best`."""

    @property
    def is_unit(self) -> bool:
        """Whether numbers are shares or the like, within 0 and 1."""
        return not self.counts and min(self.worst, self.best) >= 0 and max(self.worst, self.best) <= 1


def value_scale(metric: Metric, protocol: EvaluationProtocol) -> ValueScale | None:
    """Return the scale of a metric with this protocol; None if its class declares none, see `core.metric`."""
    kind = type(metric)
    total = protocol.details.get(getattr(kind, "out_of", ""))
    if isinstance(total, int) and total > 0:
        return ValueScale(0.0, float(total), counts=True)
    if getattr(kind, "is_share", False) is True:
        return ValueScale(1.0, 0.0) if metric.better == "lower" else ValueScale(0.0, 1.0)
    ends: tuple[float, float] | None = getattr(kind, "value_scale", None)
    return None if ends is None else ValueScale(float(ends[0]), float(ends[1]))
