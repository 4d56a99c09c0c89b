"""RA, the reversed autoencoder: a Soft-IntroVAE with equal features of a sample and of its reconstruction.

A model that is trained on normal images only reconstructs an abnormal image as a normal one ("pseudo-healthy"). The
difference shows the anomaly. The encoder and the decoder minimise, in alternation,

    L_E^RA = L_E + λ·E_b[ Σ_l ( ½·mean( (f_l - f'_l)² ) + 1 - cos(f_l, f'_l) ) ]
    L_D^RA = L_D

    L_E, L_D   the losses of Soft-IntroVAE, with their weights β_rec, β_kl, β_neg, γ_r
    f_l, f'_l  level l of the encoder's features of x, and of r without gradient to the decoder and to the code
    r          = D(z), z ~ q(z|x), the reconstruction; E_b is the mean over the batch

Both f and f' have a gradient, which reaches the encoder only. In the network `introvae-conv` the levels are the maps
after each halving of the sides, as published. Mean and cosine are those of one sample, so several processes, or
micro-batches, take the step of one; the published mean over the batch and all components is the same number.
With the keys `cutout` and `shift` of Soft-IntroVAE, the features are those of the images without these changes.

λ is *not* multiplied by s, the scale of every ELBO in L_E: the embedding term is added to L_E as it is. With the
published λ = .005 and 128 x 128 grey pixels λ/s is 82, so one unit of it weighs as much as 82 nats of β_kl·KL(x). The
balance depends on the size of the images: λ/s is 3.9 for 28 x 28 pixels.

Bercea, Wiestler, Rueckert & Schnabel 2023, "Generalizing Unsupervised Anomaly Detection: Towards Unbiased Pathology
Screening", MIDL, <https://openreview.net/forum?id=8ojx-Ld3yjR>. The arithmetic is that of the published code,
<https://github.com/ci-ber/RA>, reimplemented from its equations.

Deviations from the published code:

- Those of Soft-IntroVAE (`genkit_soft_introvae.loss`).
- The features come from passes of their own, in place of the passes of L_E, so a step has two more passes of the
  encoder. The values are equal, but for mixed precision, where these passes stay in float32. Running statistics of a
  batch norm count each batch once, as published.

Traps of the published code, which genkit does not repeat:

- The step of the learning rate's scheduler is given the validation loss, which it takes for the number of an epoch. So
  the rate never falls. The recipes of genkit have the constant rate that results.
- Evaluation samples z ~ q(z|x), so the score of an image changes from call to call. Scores of genkit decode the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from genkit_soft_introvae.loss import SoftIntroVAE

from genkit.api import Autoencoder, Batch, ConstantSchedule, Doc, NonNegativeSchedule, PhaseLoss
from genkit_reversed.embedding import embedding_distance, features_apart


@dataclass(frozen=True)
class Reversed(SoftIntroVAE):
    """Soft-IntroVAE with an embedding loss: the encoder keeps features of a sample and of its reconstruction together.

    The network must have features (`Autoencoder.features`); all autoencoders of genkit but `conditional` do.
    """

    embedding: Annotated[
        NonNegativeSchedule,
        Doc("Weight λ of the distance between features of a sample and of its reconstruction; not scaled by s."),
    ] = ConstantSchedule(0.005)
    about_terms: ClassVar[Mapping[str, str]] = {
        "embedding": "the distance between the features of data and of their reconstructions, without its weight."
    }

    def encoder_loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return L_E^RA. Raises `ValueError` if the network has no features."""
        total, terms = super().encoder_loss(model, batch)
        weight = self.embedding(batch.t)
        r = model.as_sample(batch.carry["rec"]).detach()
        # Without a weight the distance is for the log only.
        with torch.set_grad_enabled(torch.is_grad_enabled() and weight != 0):
            distance = embedding_distance(features_apart(model, batch.x), features_apart(model, r)).mean()
        return PhaseLoss(total + weight * distance if weight else total, {**terms, "embedding": distance.detach()})
