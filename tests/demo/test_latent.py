"""Codes of the demo, compared with linear algebra and automatic differentiation."""

import pytest
import torch

from genkit.demo.latent import POSITIONS, drawn_codes, find_directions, moved, path_between

torch.manual_seed(0)
MATRIX = torch.rand(16, 5, dtype=torch.float64)


def test_directions_of_a_linear_decoder_are_its_singular_vectors(autoencoder):
    found = find_directions(autoencoder(MATRIX), 3)
    _, singular, vectors = torch.linalg.svd(MATRIX)
    assert found.vectors.shape == (3, 5)
    assert torch.allclose((found.vectors * vectors[:3]).sum(dim=1).abs(), torch.ones(3, dtype=torch.float64))
    assert torch.allclose(found.shares, (singular**2 / (singular**2).sum())[:3])
    assert torch.allclose(found.spreads, torch.ones(3, dtype=torch.float64), atol=0.1)  # of 1,024 draws of N(0, I)


def test_directions_are_those_of_derivatives(autoencoder):
    model = autoencoder(MATRIX, torch.sigmoid)
    codes = drawn_codes(model, 64, 0)
    jacobians = torch.func.vmap(torch.func.jacrev(lambda z: model.module.sample(z[None]).flatten()))(codes)
    values, columns = torch.linalg.eigh((jacobians.mT @ jacobians).mean(dim=0))
    found = find_directions(model, 5)
    assert torch.allclose(found.shares, values.flip(0) / values.sum(), atol=1e-4)
    assert torch.allclose((found.vectors * columns.T.flip(0)).sum(dim=1).abs(), torch.ones(5).double(), atol=1e-4)
    assert found.shares.sum().item() == pytest.approx(1)


def test_the_sign_of_a_direction_is_fixed(autoencoder):
    found = find_directions(autoencoder(MATRIX), 5)
    assert all(row[row.abs().argmax()] > 0 for row in found.vectors)
    again = find_directions(autoencoder(-MATRIX), 5)
    assert torch.allclose(found.vectors, again.vectors)


def test_a_decoder_that_ignores_its_code_has_no_shares(autoencoder):
    found = find_directions(autoencoder(torch.zeros(16, 2)), 2)
    assert found.shares.tolist() == [0, 0] and found.vectors.isfinite().all()


def test_codes_move_by_standard_deviations_along_directions(autoencoder):
    directions = find_directions(autoencoder(MATRIX), 3)
    code = torch.rand(1, 5)
    amounts = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, -1.0]])
    still, there = moved(code, directions, amounts)
    assert torch.equal(still, code[0]) and there.dtype == code.dtype
    along = directions.vectors @ (there - code[0]).double()
    expected = torch.stack([2 * directions.spreads[0], 0 * directions.spreads[1], -directions.spreads[2]])
    assert torch.allclose(along, expected, atol=1e-6)


def test_drawn_codes_decode_to_samples(autoencoder):
    model = autoencoder(MATRIX)
    assert torch.equal(model.decode(drawn_codes(model, 6, 3)), model.sample(6, seed=3))


def test_a_path_begins_and_ends_at_its_codes_and_is_an_arc(autoencoder):
    model = autoencoder(MATRIX)
    a, b = torch.eye(5, dtype=torch.float64)[:2, None]
    path = path_between(model, a, b)
    assert path.shape == (POSITIONS + 1, 5)
    assert torch.allclose(path[[0, -1]], torch.cat([a, b])) and torch.allclose(
        path.norm(dim=1), torch.ones(101).double()
    )
