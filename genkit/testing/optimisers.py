"""Laws of optimisers."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Parameter

from genkit.core.types import Optimiser
from genkit.recipe.binding.part_interface import check_interface
from genkit.recipe.trial.try_optimiser import try_optimiser
from genkit.testing.law import Law, assert_same, hold

RATE = 1e-2  # small enough that no common optimiser leaves the bowl of the quadratic
STEPS = 10
SHAPES = ((4, 3), (5,))  # of the weights, as those of a layer


def assert_optimiser_is_lawful(optimiser: Optimiser) -> None:
    """Assert what the training loop assumes of an optimiser. Its learning rate is set to 0.01 for these trials.

    - It builds a torch optimiser of exactly the parameters that it is given, whose step needs no closure.
    - `lr` is finite and not negative, `clip_norm` is positive or None, its state has only tensors and numbers.
    - Ten steps lower a quadratic.
    - It follows the learning rate that the loop sets: no step for 0, a larger step for a larger rate.
    - An optimiser that is built again and given the state continues with the same weights.
    """
    trial = _Trial(optimiser)
    hold(
        optimiser,
        (
            Law(
                "builds a torch optimiser",
                trial.builds,
                "Implement genkit.api.Optimiser: `build` passes all parameters to a torch.optim.Optimizer",
                basic=True,
            ),
            Law("lowers a quadratic", trial.lowers, "Step against the gradient"),
            Law(
                "follows the learning rate",
                trial.follows_the_rate,
                'Read group["lr"] in each step: the loop sets it before the step',
            ),
            Law(
                "state round trip",
                trial.state_round_trip,
                "Keep all that the next step depends on in the state or the groups of the torch optimiser, none of it "
                "in other attributes",
            ),
        ),
    )


@dataclass(frozen=True)
class _Trial:
    optimiser: Optimiser

    def builds(self) -> None:
        check_interface("optimisers", self.optimiser)
        try_optimiser(self.optimiser)
        weights, built = self.build()
        held = [parameter for group in built.param_groups for parameter in group["params"]]
        assert {*map(id, held)} == {*map(id, weights)} and len(held) == len(weights), (
            f"it holds {len(held)} parameters of the {len(weights)} that it was given"
        )
        assert all("lr" in group for group in built.param_groups), 'a group has no "lr"'

    def lowers(self) -> None:
        weights, built = self.build()
        before = _quadratic(weights).item()
        for _ in range(STEPS):
            _step(weights, built)
        after = _quadratic(weights).item()
        assert after < before, f"½‖w‖² was {before:.4g}, and is {after:.4g} after {STEPS} steps"

    def follows_the_rate(self) -> None:
        moved = {}
        for rate in (0.0, RATE, 4 * RATE):
            weights, built = self.build()
            for _ in range(2):
                _step(weights, built)
            before = [weight.detach().clone() for weight in weights]
            for group in built.param_groups:
                group["lr"] = rate
            _step(weights, built)
            moved[rate] = sum((weight - old).abs().sum().item() for weight, old in zip(weights, before, strict=True))
        assert moved[0.0] == 0, f"a step with the learning rate 0 moves the weights by {moved[0.0]:.3g}"
        assert moved[4 * RATE] > 1.5 * moved[RATE], (
            f"a step with four times the learning rate moves the weights by {moved[4 * RATE]:.3g}, one with "
            f"the rate itself by {moved[RATE]:.3g}"
        )

    def state_round_trip(self) -> None:
        weights, built = self.build()
        for _ in range(3):
            _step(weights, built)
        copies = [Parameter(weight.detach().clone()) for weight in weights]
        again = self.optimiser.build(copies)
        again.load_state_dict(copy.deepcopy(built.state_dict()))
        for _ in range(3):
            _step(weights, built)
            _step(copies, again)
        for found, expected in zip(copies, weights, strict=True):
            assert_same(found.detach(), expected.detach(), "the weights three steps after the state was loaded")

    def build(self) -> tuple[list[Parameter], torch.optim.Optimizer]:
        """Return weights of ones, with their optimiser at the learning rate of the trial."""
        weights = [Parameter(torch.ones(shape)) for shape in SHAPES]
        built = self.optimiser.build(weights)
        for group in built.param_groups:
            group["lr"] = RATE
        return weights, built


def _quadratic(weights: list[Parameter]) -> Tensor:
    return torch.stack([0.5 * weight.square().sum() for weight in weights]).sum()


def _step(weights: list[Parameter], built: torch.optim.Optimizer) -> None:
    gradients = torch.autograd.grad(_quadratic(weights), weights)
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient
    built.step()
