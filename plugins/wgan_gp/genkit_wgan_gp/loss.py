"""WGAN-GP: a critic estimates the Wasserstein-1 distance of samples from data, and the generator makes it small.

The estimate is one only if the critic f is 1-Lipschitz, which a penalty on the norm of its gradient asks for:

    L_critic    = E_b[ f(x̃) - f(x) ] + λ·E_b[ (‖∇f(x̂)‖₂ - 1)² ]
    L_generator = -E_b[ f(G(z)) ]

    x̃ = G(z), z ~ N(0, I);   x̂ = ε·x + (1 - ε)·x̃, ε ~ U[0, 1), one ε a sample;   E_b the mean over the batch

A step is a critic step: `steps` of a recipe counts updates of the critic, and the generator is updated in every
`n_critic`-th of them, after the critic, from latent codes of its own.

Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville 2017, "Improved Training of Wasserstein GANs",
https://arxiv.org/abs/1704.00028, whose Algorithm 1 this is. The penalty is that of a sample, so no norm of the critic
may mix the samples of a batch (section 4: no batch norm in the critic).

Deviations from the published code, https://github.com/igul222/improved_wgan_training:

- It updates the generator before the critic's steps rather than after them, and not in the first round: the same
  sequence of updates but for its two ends. Algorithm 1 has them in the order used here.
- Its colour images lie in [-1, 1], genkit's in [0, 1], which halves the distances. The penalty's target, a slope of
  one, does not depend on the scale: so λ = 5 here weighs as λ = 10 does there. Its digits lie in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from genkit.api import GAN, Batch, Doc, NonNegativeFloat, Phase, PhaseLoss, PositiveInt


@dataclass(frozen=True)
class WGANGP:
    """WGAN-GP. The defaults are those of the paper, which trains both networks with Adam: 1e-4, betas 0 and 0.9."""

    penalty: NonNegativeFloat = (
        10.0  # λ, weight of the gradient penalty; the published code takes 0.1 in two dimensions
    )
    n_critic: Annotated[PositiveInt, Doc("critic updates for each of the generator")] = 5

    def phases(self) -> tuple[Phase, ...]:
        """`critic` in every step; `generator` in every `n_critic`-th, after it."""
        return (
            Phase("critic", ("critic",), self.critic_loss),
            Phase("generator", ("generator",), self.generator_loss, every=self.n_critic),
        )

    def critic_loss(self, model: GAN, batch: Batch) -> PhaseLoss:
        """Return L_critic. `wasserstein` is the critic's estimate, E f(x) - E f(x̃); `penalty` comes without λ."""
        with torch.no_grad():
            fake = model.generator(batch.z)
        wasserstein = (model.critic(batch.x) - model.critic(fake)).mean()

        slope = slopes(model.critic, mix(batch.x, fake, batch.rand("mix")), batch)
        penalty = (slope - 1).square().mean()

        # Algorithm 1, line 7.
        total = -wasserstein + self.penalty * penalty
        terms = {"wasserstein": wasserstein, "penalty": penalty, "gradient_norm": slope.mean()}
        return PhaseLoss(total, {name: term.detach() for name, term in terms.items()})

    def generator_loss(self, model: GAN, batch: Batch) -> PhaseLoss:
        """Return L_generator, for latent codes other than those that the critic was just shown."""
        score = model.critic(model.generator(batch.randn("z", model.latent_dim))).mean()
        # Algorithm 1, line 12.
        return PhaseLoss(-score, {"critic_fake": score.detach()})


def mix(x: Tensor, y: Tensor, epsilon: Tensor) -> Tensor:
    """Return ε·x + (1 - ε)·y, (B, ...), with one ε for each sample, (B,)."""
    epsilon = epsilon.view(-1, *[1] * (x.dim() - 1))
    return epsilon * x + (1 - epsilon) * y


def slopes(critic: nn.Module, x: Tensor, batch: Batch) -> Tensor:
    """Return ‖∇f(x)‖₂ of the critic f for each sample of x, (B, ...) -> (B,), to be differentiated again."""
    x = x.detach().requires_grad_()
    # The derivative of a derivative overflows or vanishes in half precision.
    with batch.full_precision():
        # A sample's score depends on that sample alone, so the gradient of the sum holds each sample's gradient.
        (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return torch.linalg.vector_norm(gradient.flatten(1), dim=1)
