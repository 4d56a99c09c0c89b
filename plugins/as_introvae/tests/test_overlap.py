"""Mean overlaps against their formulas: value, gradient and memory."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from genkit_as_introvae import overlap
from genkit_as_introvae.overlap import Gaussians, log_mean_joint_overlap, mean_marginal_overlap
from scipy.stats import norm

OVERLAPS = [mean_marginal_overlap, log_mean_joint_overlap]


def gaussians(batch, latent=2, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    mean, log_variance = torch.randn(2, batch, latent, dtype=dtype, generator=generator)
    log_weight = 0.3 * torch.randn(batch, dtype=dtype, generator=generator)
    return Gaussians(mean, (0.5 * log_variance - 1).exp(), log_weight)


def log_kernels(p, q):
    """Return log N(Δ; 0, S) of each pair and dimension, (B, B', L), with autograd."""
    sum_of_variances = p.variance[:, None] + q.variance[None]
    return -0.5 * (
        (p.mean[:, None] - q.mean[None]).square() / sum_of_variances + (2 * math.pi * sum_of_variances).log()
    )


def overlap_by_formula(of, p, q=None, distinct=False):
    other = q or p
    kept = ~torch.eye(len(p.mean), dtype=torch.bool) if distinct else torch.ones(len(p.mean), len(other.mean)).bool()
    if of is mean_marginal_overlap:
        return log_kernels(p, other).exp().sum(2)[kept].mean()
    weighted = log_kernels(p, other).sum(2) + p.log_weight[:, None] + other.log_weight
    return weighted.exp()[kept].mean().log()


def test_the_marginal_overlap_integrates_the_product_of_densities():
    p, q = gaussians(5, seed=1), gaussians(4, seed=2)
    nodes, weights = np.polynomial.hermite.hermgauss(120)
    # Gauss-Hermite: the mean of q's density over z ~ p.
    z = p.mean.numpy()[:, None, :, None] + np.sqrt(2 * p.variance.numpy())[:, None, :, None] * nodes
    density = norm.pdf(z, q.mean.numpy()[None, :, :, None], np.sqrt(q.variance.numpy())[None, :, :, None])
    truth = ((density * weights).sum(-1) / math.sqrt(math.pi)).sum(2).mean()
    np.testing.assert_allclose(mean_marginal_overlap(p, q), truth, rtol=1e-9)


def test_the_joint_overlap_integrates_the_product_of_weighted_densities_in_the_plane():
    p, q = gaussians(5, seed=1), gaussians(4, seed=2)
    axis = np.linspace(-9, 9, 601)

    def sum_of_densities(g):
        one = norm.pdf(axis, g.mean.numpy()[..., None], np.sqrt(g.variance.numpy())[..., None])
        return np.einsum("b,bx,by->xy", g.log_weight.exp().numpy(), one[:, 0], one[:, 1])

    truth = (sum_of_densities(p) * sum_of_densities(q)).sum() * (axis[1] - axis[0]) ** 2 / 20
    np.testing.assert_allclose(log_mean_joint_overlap(p, q).exp(), truth, rtol=1e-9)


@pytest.mark.parametrize("of", OVERLAPS)
@pytest.mark.parametrize("block", [1, 24, 2**17])
@pytest.mark.parametrize("case", ["two", "one", "distinct"])
def test_value_and_gradient_are_those_of_the_formula_in_blocks_of_any_size(of, block, case, monkeypatch):
    monkeypatch.setattr(overlap, "BLOCK", block)
    p = Gaussians(*(tensor.requires_grad_() for tensor in gaussians(7, 3, seed=1)))
    q = Gaussians(*(tensor.requires_grad_() for tensor in gaussians(5, 3, seed=2))) if case == "two" else None
    arguments = (*p, *(q or ()))
    values = [of(p, q, distinct=case == "distinct"), overlap_by_formula(of, p, q, distinct=case == "distinct")]
    torch.testing.assert_close(*values, rtol=1e-12, atol=0)
    gradients = [torch.autograd.grad(value, arguments, allow_unused=True) for value in values]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, torch.zeros_like(ours) if theirs is None else theirs, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("of", OVERLAPS)
def test_the_gradient_is_that_of_finite_differences(of):
    inputs = [tensor.requires_grad_() for tensor in (*gaussians(3, seed=1), *gaussians(3, seed=2))]
    assert torch.autograd.gradcheck(lambda *x: of(Gaussians(*x[:3]), Gaussians(*x[3:])), inputs)
    assert torch.autograd.gradcheck(lambda *x: of(Gaussians(*x), distinct=True), inputs[:3])


def test_a_batch_overlaps_with_itself_as_with_its_copy():
    p = gaussians(6)
    copy = Gaussians(*(tensor.clone() for tensor in p))
    for of in OVERLAPS:
        torch.testing.assert_close(of(p), of(p, copy), rtol=1e-13, atol=0)


def test_the_logarithm_is_exact_where_the_overlap_itself_leaves_float32():
    for latent, spread in ((256, 1.0), (256, 1e-3)):  # about 1e-140 and 1e+260
        p = Gaussians(torch.zeros(4, latent), torch.full((4, latent), spread), torch.zeros(4))
        truth = -0.5 * latent * math.log(2 * math.pi * 2 * spread)
        assert log_mean_joint_overlap(p).item() == pytest.approx(truth, rel=1e-5)


def test_no_gradient_is_computed_if_none_is_needed(monkeypatch):
    monkeypatch.setattr(overlap.OverlapGradient, "add", lambda *_: pytest.fail("a gradient was computed"))
    for of in OVERLAPS:
        assert of(gaussians(4)).isfinite()


@pytest.mark.parametrize("of", OVERLAPS)
def test_only_the_gradient_is_kept_for_the_backward(of):
    p, q = (Gaussians(*(tensor.requires_grad_() for tensor in gaussians(64, 3, seed=seed))) for seed in (1, 2))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()), lambda nothing: nothing):
        of(p, q)
    assert 0 < sum(kept) <= 2 * 64 * (3 + 3 + 1)


MEASURED = """
import resource, torch
from genkit_as_introvae.as_distance import ASDistance
from genkit.api import DiagNormal
torch.set_num_threads(1)
def batch(size):
    return DiagNormal(*(torch.randn(size, 128, requires_grad=True) for _ in range(2)))
ASDistance()(batch(8), batch(8)).mean().backward()
p, q = batch(4096), batch(4096)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
ASDistance()(p, q).mean().backward()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in kilobytes only on Linux")
def test_four_thousand_posteriors_of_128_dimensions_take_less_than_64_megabytes():
    done = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True)
    assert int(done.stdout) / 1024 < 64
