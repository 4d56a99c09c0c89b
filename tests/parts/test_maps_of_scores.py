"""Maps of errors and scores: their sum is the number, and they are largest where a picture was changed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from genkit.api import Autoencoder, ReconstructionError, SquaredError
from genkit.core.model import evaluating
from genkit.core.sample_noise import noise_of_samples
from genkit.core.score import require_map
from genkit.parts.errors.bce import BCE
from genkit.parts.errors.features import Features as FeatureError
from genkit.parts.errors.l1 import L1
from genkit.parts.errors.ssim import SSIM
from genkit.parts.errors.weighted import Weighted
from genkit.parts.models.introvae_conv import IntroVAEConv
from genkit.parts.models.mlp import MLP
from genkit.parts.models.modern_conv import ModernConv
from genkit.parts.models.small_conv import SmallConv
from genkit.parts.scores.elbo import ELBO, KL, Error
from genkit.parts.scores.features import Features
from genkit.parts.scores.log_likelihood import LogLikelihood
from genkit.parts.scores.mahalanobis import Mahalanobis
from genkit.testing import assert_score_is_lawful

ERRORS = [
    *(SquaredError(), L1(), BCE(), SSIM(), SSIM(window=7), FeatureError(), FeatureError(pixels=0.0)),
    *(Weighted(l1=3.0, ssim=1.0), Weighted(squared=1.0, features=0.5)),
]
SIDES = (20, 16)


def images(channels: int = 1, height: int = 20, width: int = 16, rows: int = 3) -> Tensor:
    return torch.rand(
        rows, channels, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(channels)
    )


def network(channels: int = 1, height: int = 20, width: int = 16, error: ReconstructionError | None = None):
    torch.manual_seed(0)
    made = SmallConv(latent_dim=3, channels=(8, 8), hidden=12, data_shape=(channels, height, width)).double()
    made.reconstruction_error = error or SquaredError()
    return made.eval()


def map_of(score, model: Autoencoder, x: Tensor) -> Tensor:
    with evaluating(model):
        return score.map(model, x, noise_of_samples(0, "score", x))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_the_sum_of_a_map_is_the_error(error, channels):
    model, x = network(channels, error=error), images(channels)
    with evaluating(model):
        output = model.decoder(model.encoder(x).mu)
        found = error.map(model, x, output)
        torch.testing.assert_close(found.sum(dim=(1, 2)), model.error(x, output), rtol=1e-10, atol=1e-10)
    assert found.shape == (3, *SIDES)


@pytest.mark.parametrize("score", [Error(), Features()], ids=repr)
def test_the_sum_of_a_map_is_the_score(score):
    model, x = network(3, error=L1()), images(3)
    with evaluating(model):
        expected = score(model, x, noise_of_samples(0, "score", x))
    torch.testing.assert_close(map_of(score, model, x).sum(dim=(1, 2)), expected, rtol=1e-10, atol=1e-10)
    assert_score_is_lawful(score, model, x)


@pytest.mark.parametrize(
    "model",
    [
        IntroVAEConv(latent_dim=4, channels=(8, 8, 8), data_shape=(3, 32, 32)),
        ModernConv(latent_dim=4, channels=(8, 8), data_shape=(3, 32, 32)),
        SmallConv(latent_dim=4, channels=(8, 8), hidden=12, data_shape=(3, 32, 32)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_every_convolutional_network_has_a_map_of_features(model):
    model, x = model.double().eval(), images(3, 32, 32)
    require_map(Features(), model)
    with evaluating(model):
        expected = Features()(model, x, noise_of_samples(0, "score", x))
    torch.testing.assert_close(map_of(Features(), model, x).sum(dim=(1, 2)), expected)


def test_the_error_of_a_pixel_is_computed_by_hand():
    model, x = network(3), images(3)
    output = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    for error, of_component in (
        (SquaredError(), lambda: (x - output) ** 2),
        (L1(), lambda: abs(x - output)),
        (BCE(), lambda: binary_cross_entropy_with_logits(output, x, reduction="none")),
    ):
        torch.testing.assert_close(error.map(model, x, output), of_component().sum(dim=1))


def test_the_map_of_ssim_shares_out_the_windows_of_scikit_image():
    x, y = (image[0, 0].numpy() for image in (images(1, rows=1), images(1, rows=1).flip(3)))
    height, width = x.shape
    _, similarity = structural_similarity(  # its window has 11 x 11 pixels
        x, y, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    offsets = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(offsets, offsets) / offsets.sum() ** 2
    expected = np.zeros((height, width))
    for row in range(5, height - 5):
        for column in range(5, width - 5):
            expected[row - 5 : row + 6, column - 5 : column + 6] += (1 - similarity[row, column]) * window
    expected *= height * width / ((height - 10) * (width - 10))
    found = SSIM().map(network(), torch.from_numpy(x)[None, None], torch.from_numpy(y)[None, None])
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize("score", [Error(), Features()], ids=repr)
def test_a_map_is_largest_where_a_picture_differs_from_its_reconstruction(score):
    class Remembering(SmallConv):
        def reconstruct(self, x):
            return images(3)

    torch.manual_seed(0)
    model = Remembering(latent_dim=3, channels=(8, 8), hidden=12, data_shape=(3, *SIDES)).double().eval()
    model.decoder.register_forward_hook(lambda *_: images(3))
    x = images(3)
    x[:, :, 4:8, 10:14] = 1 - x[:, :, 4:8, 10:14]
    found = map_of(score, model, x)
    inside = found[:, 4:8, 10:14].mean(dim=(1, 2))
    assert (inside > 4 * found.mean(dim=(1, 2))).all()
    assert (found[:, 15:, :5].mean(dim=(1, 2)) < 0.01 * inside).all()  # norms carry a little everywhere


@pytest.mark.parametrize(
    "score", [ELBO(), KL(), LogLikelihood(), Mahalanobis()], ids=lambda score: type(score).__name__
)
def test_a_score_that_is_no_sum_over_pixels_has_no_map(score):
    with pytest.raises(ValueError, match="no map"):
        require_map(score, network())


def test_models_without_positions_and_points_are_refused():
    points = MLP(latent_dim=2, width=8, layers=1, data_shape=(2,))
    for score, model in (
        (Error(), points),
        (Features(), points),
        (Features(), MLP(latent_dim=2, width=8, layers=1, data_shape=(1, 8, 8))),
    ):
        with pytest.raises(ValueError, match="map"):
            require_map(score, model)
    require_map(Error(), MLP(latent_dim=2, width=8, layers=1, data_shape=(1, 8, 8)))


@pytest.mark.parametrize("score", [Error(), Features()], ids=repr)
def test_a_check_changes_nothing_in_the_model(score):
    model = IntroVAEConv(latent_dim=4, channels=(8, 8), norm="batch", data_shape=(3, 16, 16)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    require_map(score, model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(module.training for module in model.modules())


def test_an_error_without_a_map_is_refused():
    class Worst(SquaredError):
        map = ReconstructionError.map

        def __call__(self, x: Tensor, output: Tensor, /) -> Tensor:
            return (x - output).abs().flatten(1).amax(dim=1)

    with pytest.raises(ValueError, match="error worst is no sum"):
        require_map(Error(), network(error=Worst()))


def test_weights_of_a_sum_of_errors_weigh_its_maps():
    model, x = network(), images()
    output = images().flip(2)
    both = Weighted(squared=2.0, l1=3.0).map(model, x, output)
    torch.testing.assert_close(both, 2 * SquaredError().map(model, x, output) + 3 * L1().map(model, x, output))
    assert Weighted(l1=1.0).map(model, x, output).equal(L1().map(model, x, output))
