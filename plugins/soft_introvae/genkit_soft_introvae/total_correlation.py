"""Total correlation of the codes of a batch: how far the dimensions of the aggregate posterior depend on each other.

    TC(q̄) = KL( q̄(z) || Π_d q̄(z_d) ) = E_q̄[ log q̄(z) - Σ_d log q̄(z_d) ],     q̄(z) = 1/B Σ_j q(z|x_j)

q̄ is the mixture of the B posteriors of the global batch. The value tc_i of a sample is the bracket at its own code
z_i ~ q(z|x_i). The mean of tc_i over the batch estimates TC(q̄) without bias, because its codes are one draw from each
component of the mixture. A single tc_i may be negative. With N(0, I) as prior, the mean KL of a batch is the mutual
information of x and z, plus TC, plus the KL of each dimension of q̄ from N(0, 1); a weight β_tc in place of 1 on TC
alone asks for independent dimensions, without a price for information.

Chen et al. 2018, "Isolating Sources of Disentanglement in Variational Autoencoders", <https://arxiv.org/abs/1802.04942>,
section 3. Minibatch-weighted sampling there estimates q̄ of a data set of N samples, and its value is larger by
(L - 1)·log N. That is left out here: it would be no constant within e(y), and fakes are no data set that has an N.

Deviation from the published code of a Soft-IntroVAE with this term, intro-tc-vae: it estimates q̄ by minibatch
stratified sampling (Chen et al., appendix), whose weights need N too: 1/N for the sample's own posterior, and the rest
for the others of the batch. Here all posteriors of the batch count equally.

Both see one batch only. Posteriors that do not overlap in any dimension have the value (L - 1)·log B, whatever the data
are, and no gradient: the estimate needs a large B, or posteriors that are not narrow.

It is not a `Divergence`, which is a pure function of two batches of Gaussians: the KL of a mixture has no closed form,
so this is a function of codes, which are drawn.
"""

from __future__ import annotations

import math

from torch import Tensor

from genkit.api import DiagNormal


def total_correlation(z: Tensor, posteriors: DiagNormal) -> Tensor:
    """Return log q̄(z) - Σ_d log q̄(z_d) in nats for each code, (B, L) -> (B,).

    `posteriors`, (B_global, L), are the components of q̄: those of the samples of all processes. The codes are one from
    each component, or the rows of it that belong to this process. Memory: B·B_global·L numbers, a few times.
    """
    mu, logvar = posteriors
    difference = z[:, None, :] - mu  # (B, B_global, L)
    log_densities = -0.5 * (difference.square() * (-logvar).exp() + logvar + math.log(2 * math.pi))
    count = math.log(len(mu))
    joint = log_densities.sum(dim=2).logsumexp(dim=1) - count
    marginals = log_densities.logsumexp(dim=1) - count  # (B, L)
    return joint - marginals.sum(dim=1)
