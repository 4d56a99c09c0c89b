import math
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from genkit_as_introvae.as_distance import FORMS, REDUCTIONS, WITHIN, ASDistance, log_joint, log_marginal
from scipy.stats import norm

from genkit.api import DiagNormal

EVERY = [ASDistance(form, reduction) for form in FORMS for reduction in REDUCTIONS]


def posteriors(batch=6, latent=2, seed=0, shift=0.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    mu, logvar = torch.randn(2, batch, latent, dtype=dtype, generator=generator)
    return DiagNormal(mu + shift, 0.5 * logvar - 1)


def pair(**keys):
    return posteriors(seed=1, **keys), posteriors(seed=2, shift=0.7, **keys)


def parameters(q):
    return q.mu.numpy(), np.exp(q.logvar.numpy())


def overlap(log_kernel, p, q, h):
    """The kernel between the i-th of p and the i-th of q, (K, B)."""
    return log_kernel(DiagNormal(p.mu.T, p.logvar.T), DiagNormal(q.mu.T, q.logvar.T), h).exp()


@pytest.mark.parametrize("h", [0.0, 0.61])
def test_the_marginal_kernel_is_the_overlap_of_two_gaussians(h):
    p, q = pair(latent=3)
    nodes, weights = np.polynomial.hermite.hermgauss(120)
    (mu, var), (mu_q, var_q) = parameters(p), parameters(q)
    # Gauss-Hermite: the mean of q's density over z ~ p, each smoothed by N(0, h²).
    z = mu[..., None] + np.sqrt(2 * (var + h**2))[..., None] * nodes
    density = norm.pdf(z, mu_q[..., None], np.sqrt(var_q + h**2)[..., None])
    truth = (density * weights).sum(-1) / math.sqrt(math.pi)
    np.testing.assert_allclose(overlap(log_marginal, p, q, h).numpy().T, truth, rtol=1e-9)


def grid(low=-9.0, high=9.0, points=601):
    z = np.linspace(low, high, points)
    return z, z[1] - z[0]


def marginals(q, h):
    """The densities of each sample's smoothed marginals on the grid, (B, L, Z)."""
    (mu, var), (z, _) = parameters(q), grid()
    return norm.pdf(z, mu[..., None], np.sqrt(var + h**2)[..., None])


@pytest.mark.parametrize("h", [0.0, 0.61])
def test_the_joint_kernel_is_the_overlap_of_two_gaussians_in_the_plane(h):
    p, q = pair()
    planes = [np.einsum("bx,by->bxy", *marginals(each, h).transpose(1, 0, 2)) for each in (p, q)]
    truth = (planes[0] * planes[1]).sum((1, 2)) * grid()[1] ** 2
    np.testing.assert_allclose(overlap(log_joint, p, q, h)[0].numpy(), truth, rtol=1e-9)


@pytest.mark.parametrize("h", [0.0, 0.61])
def test_marginal_integrates_the_squared_difference_of_the_marginal_aggregates(h):
    p, q = pair()
    difference = marginals(p, h).mean(0) - marginals(q, h).mean(0)
    truth = (difference**2).sum() * grid()[1]
    np.testing.assert_allclose(ASDistance("marginal", bandwidth=h)(p, q)[0], truth, rtol=1e-9)


@pytest.mark.parametrize("h", [0.0, 0.61])
def test_joint_integrates_the_squared_difference_of_the_aggregates(h):
    p, q = pair()
    aggregates = [np.einsum("bx,by->xy", *marginals(each, h).transpose(1, 0, 2)) / len(each.mu) for each in (p, q)]
    truth = ((aggregates[0] - aggregates[1]) ** 2).sum() * grid()[1] ** 2
    np.testing.assert_allclose(ASDistance("joint", bandwidth=h)(p, q)[0], truth, rtol=1e-9)


@pytest.mark.parametrize("reduction, reduce", [("sum", np.sum), ("mean", np.mean)])
def test_reference_is_the_published_arithmetic(reduction, reduce):
    p, q = pair(batch=5, latent=70)
    (m, v), (n, w) = [(np.tanh(each.mu.numpy()), np.exp(np.tanh(each.logvar.numpy()))) for each in (p, q)]

    def kernel(m, v, n, w):  # κ_ijd
        spread = v[:, None] + w[None]
        return reduce(np.exp(-0.5 * (m[:, None] - n[None]) ** 2 / spread) / np.sqrt(spread))

    truth = kernel(m, v, m, v) + kernel(n, w, n, w) - 2 * kernel(m, v, n, w)
    np.testing.assert_allclose(ASDistance("reference", reduction)(p, q)[0], truth, rtol=1e-11)


@pytest.mark.parametrize("distance", EVERY, ids=str)
def test_it_is_zero_on_itself_symmetric_and_positive_between_others(distance):
    p, q = pair()
    torch.testing.assert_close(distance(p, p), torch.zeros_like(p.mu[:, 0]), rtol=0, atol=1e-13)
    torch.testing.assert_close(distance(p, q), distance(q, p), rtol=1e-12, atol=0)
    assert (distance(p, q) > 1e-4).all()


@pytest.mark.parametrize("distance", EVERY, ids=str)
def test_it_forgets_the_order_of_the_samples(distance):
    p, q = pair()
    turned = DiagNormal(q.mu.flip(0), q.logvar.flip(0))
    torch.testing.assert_close(distance(p, q), distance(p, turned), rtol=1e-11, atol=0)
    assert (distance(q, turned).abs() < 1e-13).all()


@pytest.mark.parametrize("distance", EVERY, ids=str)
def test_it_grows_as_the_batches_part(distance):
    p = posteriors()
    values = [distance(p, DiagNormal(p.mu + shift, p.logvar))[0] for shift in (0.0, 0.2, 0.5, 1.0)]
    assert values == sorted(values)


def test_joint_sees_the_correlation_that_marginal_cannot():
    signs = torch.tensor([[1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    along, across = (DiagNormal(mu, torch.full_like(mu, -2)) for mu in (signs, signs * torch.tensor([1.0, -1.0])))
    assert ASDistance("marginal")(along, across)[0].abs() < 1e-14
    assert ASDistance("joint")(along, across)[0] > 0.1


@pytest.mark.parametrize("statistic", ["v", "u"])
def test_joint_equals_marginal_in_one_dimension(statistic):
    p, q = pair(latent=1)
    values = [ASDistance(form, statistic=statistic, bandwidth=0.3)(p, q) for form in ("joint", "marginal")]
    torch.testing.assert_close(*values, rtol=1e-13, atol=0)


@pytest.mark.parametrize("form", FORMS)
def test_the_reductions_differ_by_the_number_of_pairs_and_of_kernels(form):
    p, q = pair(batch=6, latent=3)
    kernels = 1 if form == "joint" else 3
    mean, whole, total = (ASDistance(form, name)(p, q)[0] for name in ("mean", "pairs-mean", "sum"))
    torch.testing.assert_close(whole, mean * kernels)
    torch.testing.assert_close(total, mean * kernels * 36)


@pytest.mark.parametrize("form", FORMS)
def test_u_leaves_out_the_pairs_of_a_sample_with_itself(form):
    p, q = pair(batch=4)
    kernel = FORMS[form].log_kernel
    h = FORMS[form].bandwidth

    def mean(a, b, unlike):
        pairs = [(i, j) for i in range(4) for j in range(4) if i != j or not unlike]
        i, j = map(list, zip(*pairs))
        value = overlap(kernel, DiagNormal(a.mu[i], a.logvar[i]), DiagNormal(b.mu[j], b.logvar[j]), h)
        return value.sum(0).mean()

    truth = mean(p, p, True) + mean(q, q, True) - 2 * mean(p, q, False)
    torch.testing.assert_close(ASDistance(form, statistic="u")(p, q)[0], truth, rtol=1e-12, atol=0)


def test_u_is_unbiased_where_v_is_not():
    generator = torch.Generator().manual_seed(0)
    statistics = {"u": [], "v": []}
    for _ in range(400):
        mu = torch.randn(2, 4, 1, dtype=torch.float64, generator=generator)
        p, q = (DiagNormal(each, torch.full_like(each, -2)) for each in mu)
        for name, values in statistics.items():
            values.append(ASDistance(statistic=name)(p, q)[0])
    u, v = torch.tensor(statistics["u"]), torch.tensor(statistics["v"])
    error = u.std() / math.sqrt(len(u))
    assert u.mean().abs() < 3 * error and u.min() < 0  # the two batches come from one distribution
    assert v.mean() > 10 * error


def test_narrow_posteriors_raise_v_without_bound_unless_smoothed():
    def value(logvar, **keys):
        p, q = pair()
        narrow = (DiagNormal(each.mu, torch.full_like(each.logvar, logvar)) for each in (p, q))
        return ASDistance(**keys)(*narrow)[0]

    assert value(-20.0, bandwidth=0.0) > 50 * value(-10.0, bandwidth=0.0)
    assert value(-20.0) < 1.01 * value(-10.0)
    assert value(-20.0, bandwidth=0.0, statistic="u").abs() < 1e-3


def gradient_of_mu(latent, form):
    """∂D/∂μ in float32, for narrow posteriors as an encoder has them, without the refusal of large L."""
    p, q = (posteriors(32, latent, seed, dtype=torch.float32) for seed in (1, 2))
    mu = p.mu.clone().requires_grad_()
    logvar = torch.full_like(mu, -2).T
    rows = [DiagNormal(each.T[:, :, None], logvar[:, :, None]) for each in (mu, q.mu)]
    columns = [DiagNormal(each.T[:, None, :], logvar[:, None, :]) for each in (mu, q.mu)]
    blocks = [FORMS[form].log_kernel(rows[i], columns[j], 0.0).exp().mean() for i, j in ((0, 0), (1, 1), (0, 1))]
    (gradient,) = torch.autograd.grad(blocks[0] + blocks[1] - 2 * blocks[2], mu)
    return gradient.norm()


def test_the_gradient_of_joint_vanishes_in_64_dimensions_and_that_of_marginal_does_not():
    assert gradient_of_mu(2, "joint") > 1e-3
    assert gradient_of_mu(64, "joint") == 0
    assert gradient_of_mu(64, "marginal") > 1e-3


def test_joint_refuses_more_than_8_dimensions():
    assert ASDistance("joint")(*pair(latent=8)).isfinite().all()
    with pytest.raises(ValueError, match=r'9 dimensions.*vanishes in float32\. Use form = "marginal"'):
        ASDistance("joint")(*pair(latent=9))


def test_reference_refuses_a_bandwidth():
    ASDistance("reference", bandwidth=0.0)
    with pytest.raises(ValueError, match='bandwidth = 0.3 cannot go with form = "reference"'):
        ASDistance("reference", bandwidth=0.3)


def test_u_refuses_a_single_sample():
    with pytest.raises(ValueError, match='statistic = "u"'):
        ASDistance(statistic="u")(*pair(batch=1))
    assert ASDistance()(*pair(batch=1)).isfinite().all()


@pytest.mark.parametrize("statistic", ["v", "u"])
@pytest.mark.parametrize("distance", EVERY, ids=str)
def test_its_gradient_is_that_of_finite_differences(distance, statistic):
    p, q = pair(batch=3)
    inputs = [x.clone().requires_grad_() for x in (*p, *q)]
    measure = ASDistance(distance.form, distance.reduction, statistic)
    assert torch.autograd.gradcheck(lambda *x: measure(DiagNormal(*x[:2]), DiagNormal(*x[2:]))[0], inputs)


def test_it_works_on_shapes_alone():
    p, q = (DiagNormal(each.mu.to("meta"), each.logvar.to("meta")) for each in pair())
    assert all(distance(p, q).shape == (6,) for distance in EVERY)


def test_every_choice_of_a_field_has_its_entry():
    hints = get_type_hints(ASDistance)
    tables = {"form": FORMS, "reduction": REDUCTIONS, "statistic": WITHIN}
    assert {name: set(get_args(hints[name])) for name in tables} == {name: set(table) for name, table in tables.items()}
