"""Last layer of every encoder: from features to a diagonal Gaussian.

The log-variance is clamped here and nowhere else. Without the clamp exp(logvar) overflows float32 at 88.8, and a single
such step turns every weight into NaN. An encoder that is rewarded for a large KL divergence of fakes moves towards this
overflow. At the other end, a variance of zero makes every divergence between posteriors infinite. The clamp keeps σ
between 4.5e-5 and 148, a range much wider than the prior N(0, 1) needs, so a healthy run never reaches the bounds.
Beyond the bounds the gradient of the log-variance is zero, so the encoder gains nothing by going further.
"""

from __future__ import annotations

from torch import Tensor, nn

from genkit.core.diag_normal import DiagNormal

LOGVAR_MIN = -20.0
"""Lower bound of the log-variances of posteriors: σ = 4.5e-5."""
LOGVAR_MAX = 10.0
"""Upper bound: σ = 148; the KL of such a posterior from the prior is 11,000 nats per dimension."""


class Posterior(nn.Module):
    """Layer from features, (B, 2L), to N(mu, diag(exp(logvar))): mu is the first half, logvar the second."""

    def forward(self, features: Tensor) -> DiagNormal:
        """Return the Gaussians, mu and logvar each (B, L)."""
        mu, logvar = features.chunk(2, dim=1)
        return DiagNormal(mu, logvar.clamp(LOGVAR_MIN, LOGVAR_MAX))
