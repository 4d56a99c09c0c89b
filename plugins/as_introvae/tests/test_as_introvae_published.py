"""The variant "reference" against the published formulas, written by hand."""

import math

import numpy as np
import pytest
from as_introvae_cases import BETAS, LATENT, as_introvae, autoencoder, batch, phases_of


class Published:
    """Published loss of both players in NumPy, from the formulas, for the weights of a model."""

    def __init__(self, model, given):
        arrays = {name: p.detach().numpy() for name, p in model.named_parameters()}
        self.encoder = [arrays[f"encoder.net.{i}.{kind}"] for i in (1, 3) for kind in ("weight", "bias")]
        self.decoder = [arrays[f"decoder.{i}.{kind}"] for i in (0, 2) for kind in ("weight", "bias")]
        self.x, self.prior, self.given = given.x.numpy(), given.z.numpy(), given
        self.s = 1 / self.x[0].size

    def decode(self, z):
        w, b, w_2, b_2 = self.decoder
        return np.tanh(z @ w.T + b) @ w_2.T + b_2

    def encode(self, x):
        w, b, w_2, b_2 = self.encoder
        both = np.tanh(x @ w.T + b) @ w_2.T + b_2
        return both[:, :LATENT], both[:, LATENT:]

    def draw(self, q, phase, tag):
        return q[0] + np.exp(q[1] / 2) * self.given.in_phase(phase).randn(tag, LATENT).numpy()

    @staticmethod
    def kl(mu, logvar):
        return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(1)

    @staticmethod
    def distance(p, q, reduce):
        def red(a, b):
            (m, v), (n, w) = ((np.tanh(mu), np.exp(np.tanh(logvar))) for mu, logvar in (a, b))
            spread = v[:, None] + w[None, :]
            return reduce(np.exp(-0.5 * (m[:, None] - n[None, :]) ** 2 / spread) / spread**0.5)

        return red(p, p) + red(q, q) - 2 * red(p, q)

    def totals(self, c, gamma):
        rec_weight, kl_weight, neg_weight = BETAS

        def r(x, y):
            return ((x - y) ** 2).sum(1)

        posterior = self.encode(self.x)
        rec, fake = self.decode(self.draw(posterior, "encoder", "posterior")), self.decode(self.prior)
        q_r, q_g = self.encode(rec), self.encode(fake)
        real = rec_weight * r(self.x, rec).mean()

        d_sum, exps = self.distance(q_r, q_g, np.sum), 0.0
        for tag, y, q in (("posterior-rec", rec, q_r), ("posterior-fake", fake, q_g)):
            e = rec_weight * r(y, self.decode(self.draw(q, "encoder", tag)))
            exps += np.exp(-2 * self.s * (e + neg_weight * (c * self.kl(*q) + (1 - c) * d_sum))).mean()
        encoder = self.s * (real + kl_weight * self.kl(*posterior).mean()) + exps / 4

        d_mean, decoder = self.distance(q_r, q_g, np.mean), real
        for tag, y, q in (("posterior-rec", rec, q_r), ("posterior-fake", fake, q_g)):
            decoder += 0.5 * kl_weight * c * self.kl(*map(np.tanh, q)).mean()
            decoder += 0.5 * gamma * rec_weight * r(y, self.decode(self.draw(q, "decoder", tag))).mean()
        decoder += 0.5 * kl_weight * (1 - c) * d_mean
        return encoder, self.s * decoder


@pytest.mark.parametrize("t", [0.0, 0.1, 0.4, 0.99])
def test_reference_has_the_values_of_the_published_formulas(t):
    model, given = autoencoder(), batch(t=t, size=5)
    totals = [phase.total.item() for phase in phases_of(as_introvae(variant="reference", gamma_r=0.5), model, given)]
    np.testing.assert_allclose(totals, Published(model, given).totals(math.tanh(5 * t), 0.5), rtol=1e-6)
