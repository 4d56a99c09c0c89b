"""Forms of the AS-Distance against numerical integration, and the posteriors that they refuse."""

import math
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from genkit_as_introvae.as_distance import (
    FORMS,
    REDUCTIONS,
    ASDistance,
)
from genkit_as_introvae.overlap import log_mean_joint_overlap, mean_marginal_overlap
from scipy.stats import norm

from genkit.api import DiagNormal

DISTANCES = [
    ASDistance(form, reduction)
    for form in FORMS
    for reduction in REDUCTIONS
    if (form, reduction) in {("cauchy-schwarz", "pairs-mean")} or form != "cauchy-schwarz"
]

JOINT_FORMS = [form for form in FORMS if not FORMS[form].per_dimension]


def posteriors(batch=6, latent=2, seed=0, shift=0.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    mu, logvar = torch.randn(2, batch, latent, dtype=dtype, generator=generator)
    return DiagNormal(mu + shift, 0.5 * logvar - 1)


def pair(**keys):
    return posteriors(seed=1, **keys), posteriors(seed=2, shift=0.7, **keys)


def parameters(q):
    return q.mu.numpy(), np.exp(q.logvar.numpy())


def grid(low=-9.0, high=9.0, points=601):
    z = np.linspace(low, high, points)
    return z, z[1] - z[0]


def marginals(q, h):
    """Return the smoothed marginal densities of each sample on the grid, (B, L, Z)."""
    (mu, var), (z, _) = parameters(q), grid()
    return norm.pdf(z, mu[..., None], np.sqrt(var + h**2)[..., None])


@pytest.mark.parametrize("h", [0.0, 0.61])
def test_marginal_integrates_the_squared_difference_of_the_marginal_aggregates(h):
    p, q = pair()
    difference = marginals(p, h).mean(0) - marginals(q, h).mean(0)
    truth = (difference**2).sum() * grid()[1]
    np.testing.assert_allclose(ASDistance("marginal", bandwidth=h)(p, q)[0], truth, rtol=1e-9)


def aggregates(p, q, h):
    """Return the aggregate densities of both batches in the plane, each (Z, Z), and the area of a grid cell."""
    both = [np.einsum("bx,by->xy", *marginals(each, h).transpose(1, 0, 2)) / len(each.mu) for each in (p, q)]
    return (*both, grid()[1] ** 2)


@pytest.mark.parametrize("h", [0.0, 0.61])
def test_joint_integrates_the_squared_difference_of_the_aggregates(h):
    p, q = pair()
    at_p, at_q, cell = aggregates(p, q, h)
    truth = ((at_p - at_q) ** 2).sum() * cell
    np.testing.assert_allclose(ASDistance("joint", bandwidth=h)(p, q)[0], truth, rtol=1e-9)


@pytest.mark.parametrize("h", [0.3, None])
def test_joint_smoothed_is_the_joint_distance_divided_by_the_overlap_of_the_prior_with_itself(h):
    p, q = pair()
    width = 1.0 if h is None else h  # √(L/2) at L = 2
    at_p, at_q, cell = aggregates(p, q, width)
    prior = norm.pdf(grid()[0], 0, math.sqrt(1 + width**2))
    truth = ((at_p - at_q) ** 2).sum() * cell / (np.outer(prior, prior) ** 2).sum() / cell
    np.testing.assert_allclose(ASDistance("joint-smoothed", bandwidth=h)(p, q)[0], truth, rtol=1e-7)


@pytest.mark.parametrize("h", [0.0, 0.4])
def test_prior_weighted_integrates_the_squared_difference_times_the_prior(h):
    p, q = pair()
    at_p, at_q, cell = aggregates(p, q, h)
    prior = norm.pdf(grid()[0])
    truth = ((at_p - at_q) ** 2 * np.outer(prior, prior)).sum() * cell
    np.testing.assert_allclose(ASDistance("prior-weighted", bandwidth=h)(p, q)[0], truth, rtol=1e-9)


def test_prior_weighted_is_the_mean_over_draws_of_the_prior_in_three_dimensions():
    p, q = pair(latent=3)
    z = np.random.default_rng(0).standard_normal((200_000, 1, 3))

    def aggregate(each):
        mu, var = parameters(each)
        return norm.pdf(z, mu, np.sqrt(var)).prod(axis=2).mean(axis=1)

    squares = (aggregate(p) - aggregate(q)) ** 2
    error = squares.std() / math.sqrt(len(squares))
    assert abs(ASDistance("prior-weighted")(p, q)[0] - squares.mean()) < 3 * error < 0.05 * squares.mean()


@pytest.mark.parametrize("h", [0.0, 0.4])
def test_cauchy_schwarz_is_the_log_cosine_between_the_aggregates(h):
    p, q = pair()
    at_p, at_q, _ = aggregates(p, q, h)
    truth = -2 * math.log((at_p * at_q).sum() / math.sqrt((at_p**2).sum() * (at_q**2).sum()))
    np.testing.assert_allclose(ASDistance("cauchy-schwarz", bandwidth=h)(p, q)[0], truth, rtol=1e-9)


@pytest.mark.parametrize("reduction, reduce", [("sum", np.sum), ("mean", np.mean)])
def test_reference_is_the_published_arithmetic(reduction, reduce):
    p, q = pair(batch=5, latent=70)
    (m, v), (n, w) = [(np.tanh(each.mu.numpy()), np.exp(np.tanh(each.logvar.numpy()))) for each in (p, q)]

    def kernel(m, v, n, w):  # κ_ijd
        spread = v[:, None] + w[None]
        return reduce(np.exp(-0.5 * (m[:, None] - n[None]) ** 2 / spread) / np.sqrt(spread))

    truth = kernel(m, v, m, v) + kernel(n, w, n, w) - 2 * kernel(m, v, n, w)
    np.testing.assert_allclose(ASDistance("reference", reduction)(p, q)[0], truth, rtol=1e-11)


@pytest.mark.parametrize("distance", DISTANCES, ids=str)
def test_the_distance_is_zero_on_itself_symmetric_and_positive_otherwise(distance):
    p, q = pair()
    torch.testing.assert_close(distance(p, p), torch.zeros_like(p.mu[:, 0]), rtol=0, atol=1e-13)
    torch.testing.assert_close(distance(p, q), distance(q, p), rtol=1e-12, atol=0)
    assert (distance(p, q) > 1e-4).all()


@pytest.mark.parametrize("distance", DISTANCES, ids=str)
def test_the_distance_ignores_the_order_of_the_samples(distance):
    p, q = pair()
    reversed_q = DiagNormal(q.mu.flip(0), q.logvar.flip(0))
    torch.testing.assert_close(distance(p, q), distance(p, reversed_q), rtol=1e-11, atol=0)
    assert (distance(q, reversed_q).abs() < 1e-13).all()


@pytest.mark.parametrize("distance", DISTANCES, ids=str)
def test_the_distance_grows_with_the_shift_between_the_batches(distance):
    p = posteriors()
    values = [distance(p, DiagNormal(p.mu + shift, p.logvar))[0] for shift in (0.0, 0.2, 0.5, 1.0)]
    assert values == sorted(values)


@pytest.mark.parametrize("form", JOINT_FORMS)
def test_joint_forms_detect_a_correlation_that_marginal_cannot_see(form):
    signs = torch.tensor([[1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    along, across = (DiagNormal(mu, torch.full_like(mu, -2)) for mu in (signs, signs * torch.tensor([1.0, -1.0])))
    assert ASDistance("marginal")(along, across)[0].abs() < 1e-14
    assert ASDistance(form)(along, across)[0] > 1e-3


@pytest.mark.parametrize("statistic", ["v", "u"])
def test_joint_equals_marginal_in_one_dimension(statistic):
    p, q = pair(latent=1)
    values = [ASDistance(form, statistic=statistic, bandwidth=0.3)(p, q) for form in ("joint", "marginal")]
    torch.testing.assert_close(*values, rtol=1e-13, atol=0)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "cauchy-schwarz"])
def test_reductions_differ_by_the_number_of_pairs_and_of_kernels(form):
    p, q = pair(batch=6, latent=3)
    kernels = 3 if form in ("marginal", "reference") else 1
    mean, whole, total = (ASDistance(form, name)(p, q)[0] for name in ("mean", "pairs-mean", "sum"))
    torch.testing.assert_close(whole, mean * kernels)
    torch.testing.assert_close(total, mean * kernels * 36)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "cauchy-schwarz"])
def test_the_u_statistic_leaves_out_pairs_of_a_sample_with_itself(form):
    p, q = pair(batch=4)

    def kernel(a, i, b, j):
        one, other = (
            FORMS[form].prepare(DiagNormal(each.mu[[n]], each.logvar[[n]]), FORMS[form].bandwidth(2))
            for each, n in ((a, i), (b, j))
        )
        if FORMS[form].per_dimension:
            return mean_marginal_overlap(one, other) * (math.sqrt(2 * math.pi) if form == "reference" else 1)
        return log_mean_joint_overlap(one, other).exp()

    def mean(a, b, distinct):
        return np.mean([kernel(a, i, b, j).item() for i in range(4) for j in range(4) if i != j or not distinct])

    truth = mean(p, p, True) + mean(q, q, True) - 2 * mean(p, q, False)
    np.testing.assert_allclose(ASDistance(form, statistic="u")(p, q)[0], truth, rtol=1e-11)


def test_the_u_statistic_is_unbiased_and_the_v_statistic_is_not():
    generator = torch.Generator().manual_seed(0)
    statistics = {"u": [], "v": []}
    for _ in range(400):
        mu = torch.randn(2, 4, 1, dtype=torch.float64, generator=generator)
        p, q = (DiagNormal(each, torch.full_like(each, -2)) for each in mu)
        for name, values in statistics.items():
            values.append(ASDistance(statistic=name)(p, q)[0])
    u, v = torch.tensor(statistics["u"]), torch.tensor(statistics["v"])
    error = u.std() / math.sqrt(len(u))
    assert u.mean().abs() < 3 * error and u.min() < 0  # both batches come from the same distribution
    assert v.mean() > 10 * error


def test_narrow_posteriors_raise_the_v_statistic_without_bound_unless_smoothed():
    def value(logvar, **keys):
        p, q = pair()
        narrow = (DiagNormal(each.mu, torch.full_like(each.logvar, logvar)) for each in (p, q))
        return ASDistance(**keys)(*narrow)[0]

    assert value(-20.0, bandwidth=0.0) > 50 * value(-10.0, bandwidth=0.0)
    assert value(-20.0) < 1.01 * value(-10.0)
    assert value(-20.0, bandwidth=0.0, statistic="u").abs() < 1e-3


@pytest.mark.parametrize(
    ("distance", "statistic"),
    [(each, name) for each in DISTANCES for name in "vu" if (each.form, name) != ("cauchy-schwarz", "u")],
    ids=str,
)
def test_the_gradient_is_that_of_finite_differences(distance, statistic):
    p, q = pair(batch=3)
    inputs = [x.clone().requires_grad_() for x in (*p, *q)]
    measure = ASDistance(distance.form, distance.reduction, statistic)
    assert torch.autograd.gradcheck(lambda *x: measure(DiagNormal(*x[:2]), DiagNormal(*x[2:]))[0], inputs)


def test_the_distance_works_on_the_meta_device():
    p, q = (DiagNormal(each.mu.to("meta"), each.logvar.to("meta")) for each in pair())
    assert all(distance(p, q).shape == (6,) for distance in DISTANCES)


def test_every_choice_of_a_key_has_an_implementation():
    hints = get_type_hints(ASDistance)
    tables = {"form": FORMS, "reduction": REDUCTIONS}
    assert {name: set(get_args(hints[name])) for name in tables} == {name: set(table) for name, table in tables.items()}
