"""Laws of reconstruction errors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genkit.core.model import Autoencoder
from genkit.core.types import ReconstructionError
from genkit.recipe.binding.part_interface import check_interface
from genkit.recipe.trial.draw_finder import refusing_global_draws
from genkit.testing.examples import accepted_autoencoders
from genkit.testing.law import Law, assert_finite, assert_same, assert_tensor, for_each_case, hold
from genkit.testing.maps import assert_map_adds_up
from genkit.testing.models import batch_for

CLOSE = 1e-4


def assert_error_is_lawful(
    error: ReconstructionError, model: Autoencoder | None = None, x: Tensor | None = None
) -> None:
    """Assert what losses and metrics assume of a reconstruction error, on samples x, (B, *data_shape), B >= 2.

    - It is one finite number a sample, (B,), and a second call returns the same numbers.
    - The error of a sample does not depend on the other samples of the batch.
    - Its gradient with respect to the decoder's output, and to a target, is finite, also without any difference.
    - No sample has a smaller error than x itself, if the decoder returns samples.
    - It sums over a sample: x beside itself has twice the error of x. Only channels can be put side by side, so this is
      checked for images, unless the error reads the networks of the model, which have a fixed number of channels.
    - If it has a map, the sum of the map is the error.

    Without a model these are small autoencoders of points and of images, without those that the error refuses. Without
    x the samples are uniform on [0, 1].
    """

    def trial(each: Autoencoder) -> _Trial:
        return _Trial(error, each, batch_for(each).x if x is None else x)

    chosen = accepted_autoencoders(lambda each: trial(each).shape()) if model is None else {"": model}
    hold(error, for_each_case({name: trial(each).laws() for name, each in chosen.items()}))


@dataclass(frozen=True)
class _Trial:
    error: ReconstructionError
    model: Autoencoder
    x: Tensor

    def laws(self) -> list[Law]:
        return [
            Law(
                "one number a sample",
                self.shape,
                "Derive from genkit.api.ReconstructionError, and sum over all dimensions but the first",
                basic=True,
            ),
            Law(
                "the same again", self.again, "Compute from the sample and the output only: keep no state, draw nothing"
            ),
            Law("each sample by itself", self.alone, "Sum within a sample; take no statistic of the batch"),
            Law(
                "finite gradients",
                self.gradients,
                "Divide by nothing that can be 0, and add a small number below a square root",
            ),
            Law(
                "smallest for x itself", self.smallest, "Look for a wrong sign; an error of equal samples is the least"
            ),
            Law(
                "a sum over the sample",
                self.sums,
                "Use .sum(), not .mean(): a weight must mean the same for all errors",
            ),
            Law("its map adds up", self.maps, "Let `map` return the terms of the error, summed over the channels"),
        ]

    def shape(self) -> None:
        check_interface("errors", self.error)
        assert self.error.link in ("identity", "sigmoid"), f"link is {self.error.link!r}"
        errors = self.measure(self.x, self.output)
        assert_tensor(errors, (len(self.x),), "the error")
        assert_finite(errors, "the error")

    def again(self) -> None:
        with refusing_global_draws(self.error, "Remove the draw."):
            first, second = (self.measure(self.x, self.output) for _ in range(2))
        assert_same(second, first, "the second call")

    def alone(self) -> None:
        pairs = zip(self.x.split(1), self.output.split(1), strict=True)
        alone = torch.cat([self.measure(*pair) for pair in pairs])
        assert_same(alone, self.measure(self.x, self.output), "the errors of single samples", rtol=CLOSE, atol=CLOSE)

    def gradients(self) -> None:
        for same in (False, True) if self.error.link == "identity" else (False,):
            target = self.x.clone().requires_grad_()
            output = (self.x if same else self.output).clone().requires_grad_()
            where = " where output and target are equal" if same else ""
            total = self.measure(target, output).sum()
            for name, gradient in zip(("target", "output"), torch.autograd.grad(total, [target, output]), strict=True):
                assert_finite(gradient, f"the gradient with respect to the {name}{where}")

    def smallest(self) -> None:
        if self.error.link == "identity":
            larger = (self.measure(self.x, self.x) > self.measure(self.x, self.output)).sum().item()
            assert not larger, f"{larger} samples have a larger error than another sample in their place"

    def sums(self) -> None:
        if self.x.dim() == 4 and self.error.of(self.model) is self.error:
            twice = self.measure(*(torch.cat([each, each], dim=1) for each in (self.x, self.output)))
            once = self.measure(self.x, self.output)
            assert_same(twice, 2 * once, "x beside itself, beside twice x", rtol=CLOSE, atol=CLOSE)

    def maps(self) -> None:
        if self.x.dim() == 4:
            assert_map_adds_up(
                lambda: self.error.map(self.model, self.x, self.output), self.measure(self.x, self.output)
            )

    def measure(self, x: Tensor, output: Tensor) -> Tensor:
        return self.error.of(self.model)(x, output)

    @property
    def output(self) -> Tensor:
        """The output of the decoder for the codes of x, without gradient."""
        with torch.no_grad():
            output: Tensor = self.model.decoder(self.model.encoder(self.x).mu)
            return output
