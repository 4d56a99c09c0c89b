"""Previews of a model: which pictures exist, and what they show."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from genkit.core.dataset import Samples
from genkit.core.diag_normal import DiagNormal
from genkit.core.model import GAN, Autoencoder, evaluating
from genkit.core.noise import Noise, Rows
from genkit.draw.density import half_width_of
from genkit.draw.preview import save_previews

NOISE = Noise(seed=0, step=0, source="any", rows=Rows.all(3))


@dataclass(frozen=True)
class Fixed:
    """Data set of uniform numbers, which records the indices that are read from its held-out split."""

    shape: tuple[int, ...]
    size: int | None = 100
    split: str = "train"
    read: tuple = ()

    def unmet(self):
        return ()

    def held_out(self):
        return Fixed(self.shape, self.size, "test", self.read)

    def batch(self, indices, noise):
        assert self.split == "test" and len(noise.rows) == len(indices)
        for log in self.read:
            log.extend(indices.tolist())
        return Samples(noise.rand("x", *self.shape))


class Encoder(nn.Module):
    def __init__(self, size, latent_dim):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(size, 2 * latent_dim), nn.BatchNorm1d(2 * latent_dim))

    def forward(self, x):
        return DiagNormal(*self.net(x).chunk(2, dim=1))


def decoder(shape, latent_dim):
    size = int(np.prod(shape))
    return nn.Sequential(nn.Linear(latent_dim, size), nn.BatchNorm1d(size), nn.Dropout(), nn.Unflatten(1, shape))


def autoencoder(shape, latent_dim=4):
    return Autoencoder(Encoder(int(np.prod(shape)), latent_dim), decoder(shape, latent_dim), latent_dim, shape)


def gan(shape, latent_dim=4):
    return GAN(decoder(shape, latent_dim), nn.Flatten(), latent_dim, shape)


def previews(folder, model, data, stem="step-7"):
    return [path.name for path in save_previews(folder, stem, "a on b, step 7", model, data, NOISE)]


@pytest.mark.parametrize(
    "make, shape, names",
    [
        (autoencoder, (2,), ["step-7-points.png"]),
        (gan, (2,), ["step-7-points.png"]),
        (autoencoder, (3,), []),
        (autoencoder, (1, 8, 8), ["step-7-samples.png", "step-7-reconstructions.png"]),
        (autoencoder, (3, 8, 6), ["step-7-samples.png", "step-7-reconstructions.png"]),
        (gan, (3, 8, 8), ["step-7-samples.png"]),
        (gan, (5, 8, 8), []),
        (gan, (4, 4), []),
    ],
)
def test_the_shape_and_the_model_decide_which_pictures_exist(tmp_path, make, shape, names):
    assert previews(tmp_path, make(shape), Fixed(shape)) == names
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    for name in names:
        with Image.open(tmp_path / name) as picture:
            picture.verify()


@pytest.mark.parametrize("shape", [(2,), (1, 8, 8)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_same_model_gives_the_same_bytes(tmp_path, shape, dtype):
    model = autoencoder(shape).to(dtype)
    for name in previews(tmp_path / "a", model, Fixed(shape)):
        previews(tmp_path / "b", model, Fixed(shape))
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_preview_changes_neither_the_model_nor_the_generator_of_torch(tmp_path):
    model = autoencoder((1, 8, 8)).train()
    model.encoder.eval()  # a frozen child stays frozen
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    generator = torch.get_rng_state()
    previews(tmp_path, model, Fixed((1, 8, 8)))
    assert [module.training for module in model.modules()] == modes and len(set(modes)) == 2
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)


def test_the_modes_are_restored_if_the_block_fails():
    model = gan((2,)).train()
    with pytest.raises(RuntimeError), evaluating(model):
        assert not model.generator.training and not torch.is_grad_enabled()
        raise RuntimeError
    assert model.training and model.generator.training and torch.is_grad_enabled()


def test_the_samples_are_decoded_from_the_latent_codes_of_previews(tmp_path):
    model = gan((1, 1, 1), latent_dim=1)
    model.generator = nn.Sequential(nn.Linear(1, 1), nn.Unflatten(1, (1, 1, 1)))
    previews(tmp_path, model, Fixed((1, 1, 1)))
    # 64 codes of the source "preview", for any rows of the given noise.
    z = Noise(0, 0, "preview", Rows.all(64)).randn("z", 1)
    expected = (model.generator(z).clamp(0, 1).reshape(8, 8) * 255).round().detach().numpy()
    shown = np.asarray(Image.open(tmp_path / "step-7-samples.png"))[-16 - 8 * 84 + 4 :, 16:, 0]
    assert np.array_equal(shown[40::84, 40::84][:8, :8], expected)


def test_reconstructed_images_are_spread_over_the_held_out_split(tmp_path):
    read = []
    previews(tmp_path, autoencoder((1, 8, 8)), Fixed((1, 8, 8), size=3200, read=(read,)))
    assert read == list(range(0, 3200, 100))


def test_a_small_or_an_endless_split_has_all_pictures(tmp_path):
    for size in (5, None):
        assert len(previews(tmp_path, autoencoder((1, 8, 8)), Fixed((1, 8, 8), size=size))) == 2


@pytest.mark.parametrize("largest, half_width", [(1.46, 2.0), (0.0, 0.5), (2.5, 3.0), (2.6, 3.5)])
def test_the_half_width_has_a_margin_of_a_fifth_and_is_a_multiple_of_a_half(largest, half_width):
    assert half_width_of(torch.tensor([[0.0, -largest], [0.1, 0.0]])) == half_width
