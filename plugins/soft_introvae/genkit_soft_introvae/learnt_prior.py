"""Soft-IntroVAE with a learnt prior: the prior is a third player, which sides with the decoder.

A mixture of Gaussians p(z) = Σ_c w_c·N(z; m_c, diag(exp(v_c))) is the prior of the model. After a warm-up, in which a
VAE trains it together with both networks, the game of Soft-IntroVAE goes on with it. They minimise, in alternation,

    L_E  = L_E of Soft-IntroVAE + s·λ·H                                              (encoder; prior constant)
    L_DP = L_D of Soft-IntroVAE + s·β_kl·E_b[ KL(sg[q(z|x)] || p) ]                  (decoder and prior)

    KL(r), KL(g)   in L_DP are those from sg[p]: the prior cannot pull its density towards fakes
    g              = D(m_c + exp(v_c/2)·ε), so the gradient of KL(g) reaches m_c and v_c through the sample
    H              = Σ_c ρ_c·log(ρ_c + 1e-8) / max(1, log C),   ρ_c = E_b[ share of c in the bound of KL(x) ]
    sg             without gradient

So the prior follows the aggregate posterior of the data, and moves its samples where the encoder accepts them. No
gradient reaches the weights w through g. -H is the entropy of the mean responsibilities, in units of that of equal
ones; it acts on the encoder alone, and λ > 0 keeps components from dying out.

When the warm-up ends, each latent dimension gets bounds a = min_c v_c and b = max_c v_c. From then on every
log-variance v is replaced by v - S(v - b) + S(a - v), S(y) = log(1 + exp(βy))/β, β = 10/(b - a): nearly v inside
[a, b], constant beyond.

With one component, not learnt, that is N(0, I), this is Soft-IntroVAE to the bit.

Prior learning in Soft-IntroVAE, TMLR 2025, <https://arxiv.org/abs/2408.13805>.

Deviations from the published code:

- There is no stage with a VampPrior. The mixture starts at random, or from codes of the data (`prior_from_codes`): each
  component from a sample, as published. More components than a batch has samples are set in consecutive steps, during
  which the prior is trained.
- The KL is that of the prior of the model, by default a bound in closed form in place of the mean over 100 draws.
- ρ_c is the mean share of a component in that bound, whatever the form of the KL; published is the mean of its
  probability given a code, over draws of the posterior.
- One code of the prior a step serves both phases, as in `genkit_soft_introvae.loss`, in place of one for each.
- s scales the warm-up too, for the reason given there.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from torch import Tensor

from genkit.api import (
    Action,
    Autoencoder,
    Batch,
    ConstantSchedule,
    DiagNormal,
    Doc,
    Mixture,
    NonNegativeInt,
    NonNegativeSchedule,
    Phase,
    PhaseLoss,
    Prior,
)
from genkit_soft_introvae.loss import SoftIntroVAE

NO_BOUNDS = (
    "bound_logvars has no effect without a warm-up, at whose end the bounds are set. Set warmup_steps, or "
    "bound_logvars = false"
)
TINY = 1e-8  # inside the logarithm of the entropy, as published


@dataclass(frozen=True)
class SoftIntroVAEPrior(SoftIntroVAE):
    """Soft-IntroVAE whose decoder phase also trains a learnt prior."""

    responsibility: Annotated[
        NonNegativeSchedule, Doc("Weight λ of the negative entropy of the mean responsibilities, for a mixture.")
    ] = ConstantSchedule(0.0)
    train_prior: Annotated[
        bool, Doc("Whether the decoder phase trains a learnt prior; otherwise it is constant after the warm-up.")
    ] = True
    bound_logvars: Annotated[
        bool, Doc("Whether the log-variances of a learnt mixture are bounded by their range at the end of the warm-up.")
    ] = True
    prior_from_codes: Annotated[
        NonNegativeInt | None,
        Doc(
            "Step at which means and log-variances of the mixture become those of posteriors of data, a sample for "
            "each component; the next steps go on if a batch has fewer. By default none."
        ),
    ] = None

    def phases(self) -> tuple[Phase, ...]:
        """Return the phases of Soft-IntroVAE; `decoder` also updates a learnt prior if `train_prior` is set."""
        warm_up, encoder, decoder = super().phases()
        updates = ("decoder", "prior") if self.train_prior else ("decoder",)
        return warm_up, encoder, replace(decoder, updates=updates)

    def actions(self) -> tuple[Action, ...]:
        """Return the start of the prior from codes, and the bounds of its log-variances, as far as they are set."""
        found = []
        if self.prior_from_codes is not None:
            at = self.prior_from_codes
            found.append(
                Action("codes", self.start_prior, before="vae", start=at, resets=("prior",), samples=_components)
            )
        if self._sets_bounds:
            end = self.warmup_steps
            found.append(Action("bounds", self.set_bounds, before="encoder", start=end, stop=end + 1))
        return tuple(found)

    @property
    def _sets_bounds(self) -> bool:
        return self.bound_logvars and self.train_prior and self.warmup_steps > 0

    def start_prior(self, model: Autoencoder, batch: Batch) -> None:
        """Set components of the mixture to the posteriors of the global batch: those that are next in this step."""
        at = self.prior_from_codes or 0
        (q,) = batch.gather_posteriors(model.encoder(batch.x))
        if not isinstance(model.prior, Mixture):
            raise ValueError(
                'prior_from_codes needs [model.prior] use = "mixture", but the model has the prior '
                f"{model.prior.description}"
            )
        steps = math.ceil(model.prior.components / len(q.mu))
        if steps > 1 and self._sets_bounds and at + steps - 1 > self.warmup_steps:
            raise ValueError(
                f"prior_from_codes = {at}: {model.prior.components} components take {steps} steps of {len(q.mu)} "
                f"samples, but their log-variances are bounded at step {self.warmup_steps}, before all are set. Set "
                f"warmup_steps = {at + steps - 1} or more, or bound_logvars = false"
            )
        turn = (batch.noise.step - at) % steps  # a trial is in another step
        model.prior.start_from(q, first=turn * len(q.mu))

    def set_bounds(self, model: Autoencoder, batch: Batch) -> None:
        """Bound the log-variances of a learnt mixture by their present range."""
        if isinstance(model.prior, Mixture) and _is_learnt(model.prior):
            model.prior.bound_logvars()

    def further_encoder_loss(
        self, model: Autoencoder, posterior: DiagNormal, batch: Batch
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Return λ·H and its term, and store the posterior without gradient for the decoder phase."""
        if _is_learnt(model.prior) and self.train_prior:
            batch.carry.update(mu=posterior.mu.detach(), logvar=posterior.logvar.detach())
        weight, prior = self.responsibility(batch.t), model.prior
        if self._has_bounds_without_warm_up(prior) and batch.x.is_meta:  # the plan shows warnings of a dry run
            warnings.warn(NO_BOUNDS, stacklevel=2)
        if not isinstance(prior, Mixture):
            if weight:
                raise ValueError(
                    f"responsibility = {weight:g} needs a mixture, but the model has the prior {prior.description}. "
                    'Set [model.prior] use = "mixture"'
                )
            return super().further_encoder_loss(model, posterior, batch)
        with torch.set_grad_enabled(weight != 0):
            shares = prior.responsibilities(posterior)
            # A mean inside a logarithm couples the samples. Without a weight it is for the log only.
            shares = (batch.gather(shares) if weight else shares).mean(dim=0)
            negative = (shares * (shares + TINY).log()).sum() / max(1.0, math.log(prior.components))
        return weight * negative if weight else None, {"entropy": -negative.detach()}

    def _has_bounds_without_warm_up(self, prior: Prior) -> bool:
        learnt = isinstance(prior, Mixture) and _is_learnt(prior)
        return learnt and self.train_prior and self.bound_logvars and self.warmup_steps == 0

    def density_of_fakes(self, model: Autoencoder) -> Prior:
        """Return the prior without gradient to its parameters."""
        return model.prior.frozen()

    def decoder_loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return L_DP, which reuses the graphs of r and g."""
        total, terms = super().decoder_loss(model, batch)
        if "mu" not in batch.carry:
            return PhaseLoss(total, terms)
        q = DiagNormal(batch.carry["mu"], batch.carry["logvar"])
        kl = model.prior.kl(q, batch.noise.within("kl-prior")).mean()
        total = total + self.beta_kl(batch.t) * kl / math.prod(model.data_shape)
        return PhaseLoss(total, {**terms, "kl_prior": kl.detach()})


def _components(model: Autoencoder) -> int:
    return model.prior.components if isinstance(model.prior, Mixture) else 1


def _is_learnt(prior: Prior) -> bool:
    return any(True for _ in prior.parameters())
