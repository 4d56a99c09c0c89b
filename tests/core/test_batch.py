"""Rows that a step gathers from all processes."""

import pytest
import torch

from genkit.api import Batch, DiagNormal, Noise
from genkit.core.noise import Rows

pytestmark = pytest.mark.fast


def batch_of(rows, gather_rows=None):
    noise = Noise(0, 0, "phase", Rows.all(rows))
    return Batch(torch.zeros(rows, 2), 0.0, noise, gather_rows=gather_rows)


def posteriors(rows):
    generator = torch.Generator().manual_seed(0)
    tensors = (torch.randn(rows, size, generator=generator, requires_grad=True) for size in (3, 3, 5, 5))
    return DiagNormal(next(tensors), next(tensors)), DiagNormal(next(tensors), next(tensors))


def test_one_process_keeps_its_posteriors():
    p, q = posteriors(4)
    assert batch_of(4).gather_posteriors(p, q) == (p, q)


def test_gathered_posteriors_are_the_gathered_tensors_in_one_exchange():
    calls = []

    def gather(x):
        calls.append(x)
        return torch.cat([2 * x, x])  # the rows of another process, and then our own

    p, q = posteriors(4)
    batch = batch_of(4, gather)
    found = batch.gather_posteriors(p, q)
    assert len(calls) == 1
    expected = tuple(DiagNormal(*map(batch.gather, posterior)) for posterior in (p, q))
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.mu, other.mu) and torch.equal(one.logvar, other.logvar)
    inputs = (*p, *q)
    gradients = [
        torch.autograd.grad(sum(tensor.pow(3).sum() for pair in pairs for tensor in pair), inputs)
        for pairs in (found, expected)
    ]
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))
