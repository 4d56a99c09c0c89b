"""Figures of the latent space: which dimensions count as those of greatest effect, and which codes are kept."""

import weakref

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from genkit.core.dataset import Samples
from genkit.core.diag_normal import DiagNormal
from genkit.core.model import Autoencoder, evaluating
from genkit.core.noise import Noise, Rows
from genkit.evaluation.samples import IMAGE_CHUNK, select_samples, selected_in_chunks
from genkit.runs.training.latent_dimensions import read_dimensions
from genkit.runs.training.latent_figures import POINTS, effect_of_dimensions, save_codes, save_traversal

SHAPE, LATENT = (1, 3, 2), 4
NOISE = Noise(0, 0, "preview", Rows.all(4))


class Decoder(nn.Module):
    """Linear map, so that the effect of a dimension is known."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, LATENT, generator=torch.Generator().manual_seed(0)))

    def forward(self, z):
        return (z @ self.weight.T + 0.5).reshape(-1, *SHAPE)


class Encoder(nn.Module):
    """The first pixels are the codes; the spreads differ."""

    def forward(self, x):
        mu = x.flatten(1)[:, :LATENT] * torch.tensor([1.0, 5.0, 0.1, 3.0])
        return DiagNormal(mu, torch.full_like(mu, self.logvar))

    logvar = -80.0  # a draw is the mean


class HeldOut:
    """A thousand images."""

    size, split, shape = 1000, "test", SHAPE

    def __init__(self):
        self.asked = []

    def batch(self, indices, noise):
        self.asked.append(len(indices))
        x = torch.rand(self.size, *SHAPE, generator=torch.Generator().manual_seed(1))
        return Samples(x[indices])


@pytest.fixture
def model() -> Autoencoder:
    return Autoencoder(Encoder(), Decoder(), LATENT, SHAPE)


def test_the_effect_of_a_dimension_is_the_mean_square_change_of_a_sample(model):
    spread = torch.tensor([1.0, 0.5, 2.0, 0.0])
    with evaluating(model), torch.no_grad():
        found = effect_of_dimensions(model, torch.randn(9, LATENT), spread)
    expected = (2 * spread.double()).square() * model.decoder.weight.detach().double().square().mean(dim=0)
    assert torch.allclose(found, expected, rtol=1e-5) and found[3] == 0


def test_the_rows_are_in_the_order_of_the_effect(model, tmp_path, monkeypatch):
    shown = {}
    monkeypatch.setattr(
        "genkit.runs.training.latent_figures.save_image_grid",
        lambda path, rows, *rest: shown.update(rows=rows, rest=rest),
    )
    with evaluating(model):
        save_traversal(tmp_path / "t.png", model, NOISE, "title")
    changes = [(row.images[-1] - row.images[0]).square().mean().item() for row in shown["rows"]]
    assert changes == sorted(changes, reverse=True) and len(changes) == LATENT
    assert len({row.caption for row in shown["rows"]}) == LATENT
    for row in shown["rows"]:
        steps = row.images.diff(dim=0)
        assert torch.allclose(steps, steps[:1].expand_as(steps), atol=1e-5), "equal steps along one line"


def test_a_traversal_is_a_picture(model, tmp_path):
    with evaluating(model):
        assert save_traversal(tmp_path / "t.png", model, NOISE, "title") == [tmp_path / "t.png"]
    assert Image.open(tmp_path / "t.png").width > 300


def test_the_codes_are_those_of_the_two_dimensions_of_largest_spread(model, tmp_path):
    with evaluating(model):
        save_codes(tmp_path / "codes.npy", model, HeldOut(), NOISE)
    held_out, prior = np.load(tmp_path / "codes.npy", allow_pickle=False)
    assert held_out.shape == prior.shape == (POINTS, 2)
    x = HeldOut().batch(torch.arange(POINTS) * 1000 // POINTS, None).x.flatten(1)
    assert np.allclose(held_out, torch.stack([5 * x[:, 1], 3 * x[:, 3]], dim=1).numpy())
    assert read_dimensions(tmp_path / "codes.npy") == ("z2", "z4"), "counted from 1, as in the traversal"
    assert abs(prior.mean()) < 0.2 and abs(prior.std() - 1) < 0.1


def test_a_code_is_a_draw_of_the_posterior_so_a_perfect_encoder_covers_the_prior(model, tmp_path):
    model.encoder.forward = lambda x: DiagNormal(torch.zeros(len(x), LATENT), torch.zeros(len(x), LATENT))
    with evaluating(model):
        save_codes(tmp_path / "codes.npy", model, HeldOut(), NOISE)
        first = (tmp_path / "codes.npy").read_bytes()
        save_codes(tmp_path / "codes.npy", model, HeldOut(), NOISE)
    held_out, prior = np.load(tmp_path / "codes.npy")
    assert abs(held_out.mean()) < 0.1 and abs(held_out.std() - 1) < 0.1
    assert len(np.unique(held_out, axis=0)) == POINTS and not np.allclose(held_out, prior)
    assert (tmp_path / "codes.npy").read_bytes() == first


def test_a_narrow_dimension_is_kept_if_its_means_spread_most(model, tmp_path):
    wide = torch.tensor([4.0, -80.0, 4.0, -80.0])  # what only the noise of the posterior spreads says nothing
    model.encoder.forward = lambda x: DiagNormal(Encoder().forward(x).mu, wide.expand(len(x), -1))
    with evaluating(model):
        save_codes(tmp_path / "codes.npy", model, HeldOut(), NOISE)
    held_out, _ = np.load(tmp_path / "codes.npy")
    assert held_out.min() >= 0 and held_out.max() <= 5


def test_memory_does_not_grow_with_the_number_of_codes_or_of_dimensions(model, tmp_path):
    data, sizes, size = HeldOut(), [], 70
    forward = model.encoder.forward
    model.encoder.forward = lambda x: (sizes.append(len(x)), forward(x))[1]
    with evaluating(model):
        save_codes(tmp_path / "codes.npy", model, data, NOISE)
    assert sum(data.asked) == POINTS and max(data.asked + sizes) <= IMAGE_CHUNK

    alive, most = 0, 0

    class Counted:
        """Counts the samples that exist at once."""

        latent_dim, data_shape, condition_classes = size, SHAPE, None

        def given_rows(self, extra):
            return None

        def sample(self, z):
            nonlocal alive, most
            samples = z[:, -6:].reshape(-1, *SHAPE)
            alive += len(samples)
            most = max(most, alive)
            weakref.finalize(samples, gone, len(samples))
            return samples

    def gone(number):
        nonlocal alive
        alive -= number

    effect = effect_of_dimensions(Counted(), torch.randn(4, size), torch.ones(size))
    assert torch.allclose(effect, torch.cat([torch.zeros(size - 6), torch.full((6,), 4 / 6)]).double(), rtol=1e-5)
    assert most <= 4 * IMAGE_CHUNK < size


class Density(HeldOut):
    """Images that are drawn when they are asked for."""

    size = None

    def batch(self, indices, noise):
        return Samples(noise.rand("x", *SHAPE))


@pytest.mark.parametrize("data", [HeldOut(), Density()], ids=["split", "density"])
def test_samples_in_chunks_are_those_of_one_call(model, data):
    whole = select_samples(50, model, data, NOISE)
    chunks = [chunk for _, chunk in selected_in_chunks(50, model, data, NOISE)]
    assert torch.equal(torch.cat([chunk.x for chunk in chunks]), whole.x) and len(chunks) > 1
    if data.size is not None:
        assert torch.equal(torch.cat([chunk.indices for chunk in chunks]), whole.indices)


def test_a_latent_space_of_one_dimension_has_no_picture(tmp_path, model):
    model.latent_dim = 1
    with evaluating(model):
        assert save_codes(tmp_path / "codes.npy", model, HeldOut(), NOISE) == []
    assert not list(tmp_path.iterdir())
