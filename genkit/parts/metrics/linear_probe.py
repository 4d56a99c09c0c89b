"""Linear probe: the accuracy of a multinomial logistic regression on codes (`genkit.bases.metrics.probe`).

    minimise over W, b:   -1/M Σ_i log softmax(W z_i + b)_{y_i} + λ/2·‖W‖²        z standardised, b not penalised

The objective is convex and in float64. L-BFGS on all M samples minimises it from W = 0, so nothing is random. λ is
1/(C·M) for the C of scikit-learn's LogisticRegression. Publications often fit a linear support vector machine to draws
z ~ q(z|x) instead: <https://arxiv.org/abs/2408.13805> has C = 0.025, with 2,000 and 10,000 iterations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from genkit.api import Doc, LabelledCodes, PositiveFloat, Probe

MOST_ITERATIONS = 1_000
SMALLEST_GRADIENT = 1e-8  # largest entry at which the minimum is reached
LARGEST_GRADIENT = 1e-4  # at which the fit is refused


@dataclass(frozen=True)
class LinearProbe(Probe):
    """Accuracy of labels of held-out data that a logistic regression predicts from codes, 0 to 1."""

    l2: Annotated[PositiveFloat, Doc("Weight λ of the squared norm of W, whose half is added to the mean loss.")] = 1e-4

    value_scale: ClassVar[tuple[float, float]] = (0.0, 1.0)

    @property
    def settings(self) -> Mapping[str, str | int | float]:
        """The classifier and λ."""
        return {"classifier": "multinomial logistic regression", "l2": self.l2}

    def predict(self, codes: LabelledCodes) -> Tensor:
        """Return the most probable class of each held-out sample; the lowest of equals. Raises `ValueError`."""
        weight, bias = fit_logistic_regression(codes.fit, codes.fit_classes, codes.classes, self.l2)
        return (codes.test @ weight.T + bias).argmax(dim=1)


def fit_logistic_regression(x: Tensor, classes: Tensor, number: int, l2: float) -> tuple[Tensor, Tensor]:
    """Return W, (C, L), and b, (C,), in float64, for x, (M, L) float64, and classes, (M,) int64 below C = `number`.

    Raises `ValueError` if the minimum is not reached.
    """
    weight = torch.zeros(number, x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(number, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weight, bias],
        max_iter=MOST_ITERATIONS,
        tolerance_grad=SMALLEST_GRADIENT,
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def objective() -> Tensor:
        optimiser.zero_grad()
        loss = cross_entropy(x @ weight.T + bias, classes) + 0.5 * l2 * weight.square().sum()
        loss.backward()
        return loss

    optimiser.step(objective)
    with torch.enable_grad():
        objective()
    steepest = max(each.grad.abs().max().item() for each in (weight, bias) if each.grad is not None)
    if not steepest <= LARGEST_GRADIENT:
        raise ValueError(f"the logistic regression did not converge: its gradient is {steepest:.1g}. Set a larger l2")
    return weight.detach(), bias.detach()
