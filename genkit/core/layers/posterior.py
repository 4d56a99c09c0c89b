"""The last layer of every encoder: from features to a diagonal Gaussian.

The log-variance is clamped here and nowhere else. Unclamped, exp(logvar) overflows float32 at 88.8, and one such step
turns every weight to NaN; an encoder that is rewarded for a large KL divergence of fakes drives it there. At the other
end a variance of zero makes every divergence between posteriors infinite. Within the range σ lies between 4.5e-5 and
148, far beyond what the prior N(0, 1) has any use for, so a healthy run never touches the bounds. Beyond them the
gradient of the log-variance is zero: nothing is gained by going further.
"""

from __future__ import annotations

from torch import Tensor, nn

from genkit.core.types import DiagNormal

LOGVAR_MIN = -20.0  # σ = 4.5e-5
LOGVAR_MAX = 10.0  # σ = 148; the KL of such a posterior from the prior is 11,000 nats per dimension


class Posterior(nn.Module):
    """Turns features, (B, 2L), into N(mu, diag(exp(logvar))): the first half is mu, the second logvar, clamped."""

    def forward(self, features: Tensor) -> DiagNormal:
        """Return the Gaussians, mu and logvar each (B, L)."""
        mu, logvar = features.chunk(2, dim=1)
        return DiagNormal(mu, logvar.clamp(LOGVAR_MIN, LOGVAR_MAX))
