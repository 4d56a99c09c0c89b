"""Sign that an introspective encoder does not tell samples from data: the KL of samples stays below that of data.

An introspective method has the terms ``encoder/kl_real`` and ``encoder/kl_fake``, the mean KL(q(z|y) || p) of data and
of samples. At the equilibrium both are equal; before it, an encoder that repels samples keeps theirs above. A method
whose encoder fails at that generates what is easiest to encode. What the user should change depends on the method.
"""

from __future__ import annotations

from collections.abc import Mapping

REAL, FAKE = "encoder/kl_real", "encoder/kl_fake"
BELOW = 0.95  # share of kl_real; both are equal at the equilibrium, so a smaller difference may be noise


def low_kl_of_samples(terms: Mapping[str, float]) -> str | None:
    """Return the fact that a remark begins with, if the KL of samples is more than 5 % below that of data.

    `terms` are those of `LossWithRemark.remark`. Without both KLs among them, for example in a warm-up, it is None.
    """
    real, fake = terms.get(REAL), terms.get(FAKE)
    if real is None or fake is None or fake >= BELOW * real:
        return None
    return f"kl_fake is below kl_real, {fake:.3g} and {real:.3g} nats on average"
