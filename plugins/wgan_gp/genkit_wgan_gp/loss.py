"""WGAN-GP: a critic estimates the Wasserstein-1 distance of samples from data, and the generator minimises it.

The estimate is valid only if the critic f is 1-Lipschitz, which a penalty on the norm of its gradient encourages. Both
networks minimise

    L_critic    = E_b[ f(x̃) - f(x) ] + λ·E_b[ (‖∇f(x̂)‖₂ - 1)² ]
    L_generator = -E_b[ f(G(z)) ]

    x̃ = G(z), z ~ p, the prior, N(0, I) by default;   x̂ = ε·x + (1 - ε)·x̃, ε ~ U[0, 1), one ε per sample
    E_b the mean over the batch

A step is a critic step: `steps` in a recipe counts updates of the critic. The generator is updated every `n_critic`
steps, after the critic, with latent codes of its own.

Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville 2017, "Improved Training of Wasserstein GANs", Algorithm 1,
<https://arxiv.org/abs/1704.00028>. The penalty is defined per sample, so no norm in the critic may mix the samples of a
batch (section 4: no batch norm in the critic).

Deviations from the published code, <https://github.com/igul222/improved_wgan_training>:

- The published code updates the generator before the critic's steps, not after them, and not in the first round. The
  sequence of updates differs only at its two ends; here it has the order of Algorithm 1.
- Its colour images have values in [-1, 1], those of genkit in [0, 1], which halves the distances. The target of the
  penalty, a gradient norm of one, does not scale with the images: so λ = 5 here corresponds to λ = 10 there. Its digits
  have values in [0, 1], as here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from genkit.api import GAN, Batch, Doc, NonNegativeFloat, Phase, PhaseLoss, PositiveInt


@dataclass(frozen=True)
class WGANGP:
    """WGAN-GP, with the defaults of the paper, which trains both networks with Adam at 1e-4 and betas 0 and 0.9."""

    penalty: Annotated[
        NonNegativeFloat, Doc("Weight λ of the gradient penalty; the published code uses 0.1 in two dimensions.")
    ] = 10.0
    n_critic: Annotated[PositiveInt, Doc("Number of updates of the critic for each update of the generator.")] = 5
    about_terms: ClassVar[Mapping[str, str]] = {
        "wasserstein": "how much higher the critic rates data than samples, an estimate of their Wasserstein distance.",
        "penalty": "the mean squared distance from 1 of the norms of the gradients of the critic, without its weight.",
        "gradient_norm": "the mean of these norms.",
        "critic_fake": "how high the critic rates samples; the generator raises it.",
    }

    def phases(self) -> tuple[Phase, ...]:
        """Return `critic`, due in every step, and `generator`, due in every `n_critic`-th step."""
        return (
            Phase("critic", ("critic",), self.critic_loss),
            Phase("generator", ("generator",), self.generator_loss, every=self.n_critic),
        )

    def critic_loss(self, model: GAN, batch: Batch) -> PhaseLoss:
        """Return L_critic. The term `wasserstein` is the estimate E f(x) - E f(x̃); `penalty` does not include λ."""
        with torch.no_grad():
            fake = model.generator(model.prior.sample(batch.prior_noise))
        wasserstein = (model.critic(batch.x) - model.critic(fake)).mean()

        norms = gradient_norms(model.critic, interpolate(batch.x, fake, batch.rand("mix")), batch)
        penalty = (norms - 1).square().mean()

        # Algorithm 1, line 7.
        total = -wasserstein + self.penalty * penalty
        terms = {"wasserstein": wasserstein, "penalty": penalty, "gradient_norm": norms.mean()}
        return PhaseLoss(total, {name: term.detach() for name, term in terms.items()})

    def generator_loss(self, model: GAN, batch: Batch) -> PhaseLoss:
        """Return L_generator, for latent codes different from those of the critic phase."""
        score = model.critic(model.generator(model.prior.sample(batch.noise))).mean()
        # Algorithm 1, line 12.
        return PhaseLoss(-score, {"critic_fake": score.detach()})


def interpolate(x: Tensor, y: Tensor, epsilon: Tensor) -> Tensor:
    """Return ε·x + (1 - ε)·y, (B, ...), with one ε for each sample, (B,)."""
    epsilon = epsilon.view(-1, *[1] * (x.dim() - 1))
    return epsilon * x + (1 - epsilon) * y


def gradient_norms(critic: nn.Module, x: Tensor, batch: Batch) -> Tensor:
    """Return ‖∇f(x)‖₂ of the critic f for each sample of x, (B, ...) -> (B,), differentiable again."""
    x = x.detach().requires_grad_()
    # Second derivatives overflow or vanish in half precision, and torch cannot compile them.
    with batch.full_precision():
        # The score of a sample depends only on that sample, so the gradient of the sum contains that of each score.
        (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return torch.linalg.vector_norm(gradient.flatten(1), dim=1)
