"""Losses of autoencoders and the reconstruction error of the model: each compares by it, and encodes samples only."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genkit.api import Autoencoder, Batch, ConstantSchedule, Loss, ReconstructionError, SquaredError, make_targets
from genkit.parts.errors.bce import BCE
from genkit.parts.errors.l1 import L1
from genkit.parts.errors.ssim import SSIM
from genkit.parts.models.small_conv import SmallConv
from genkit.recipe.installed.registry import load_registry
from genkit.testing import assert_gradients_reach_updates, batch_of

SOFT = ["soft-introvae", "soft-introvae-prior", "soft-introvae-bootstrap", "as-introvae", "reversed"]
LOSSES = ["vae", "introvae", *SOFT]


def loss_named(name: str, **keys: float) -> Loss:
    """Return a loss by its name in recipes; skip the test if its plugin is not installed."""
    if not load_registry().parts.get(("losses", name)):
        pytest.skip(f"{name} is not installed")
    if name in SOFT:
        keys = {"gamma_r": 0.5, **keys}
    weights = {key: ConstantSchedule(value) if key == "beta_rec" else value for key, value in keys.items()}
    return load_registry().find("losses", name).load()(**weights)


def model_with(error: ReconstructionError) -> Autoencoder:
    torch.manual_seed(0)
    model = SmallConv(latent_dim=3, channels=(8,), hidden=12, data_shape=(1, 14, 14)).double()
    model.reconstruction_error = error
    return model


def pictures() -> Tensor:
    return torch.rand(6, 1, 14, 14, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def batch_for(model: Autoencoder) -> Batch:
    return batch_of(pictures(), 3, targets=make_targets(model, ("decoder",)))


def totals(loss: Loss, model: Autoencoder) -> list[Tensor]:
    batch = batch_for(model)
    return [phase.loss(model, batch.in_phase(phase.name)).total for phase in loss.phases() if phase.due(0)]


class Tripled(SquaredError):
    def __call__(self, x: Tensor, output: Tensor, /) -> Tensor:
        return 3 * super().__call__(x, output)


@pytest.mark.parametrize("name", LOSSES)
def test_an_error_three_times_as_large_is_a_weight_three_times_as_large(name: str) -> None:
    tripled = totals(loss_named(name), model_with(Tripled()))
    weighted = totals(loss_named(name, beta_rec=3.0), model_with(SquaredError()))
    for ours, theirs in zip(tripled, weighted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
    assert tripled[0] != totals(loss_named(name), model_with(SquaredError()))[0]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("error", [L1(), BCE(), SSIM()], ids=repr)
def test_the_gradients_reach_what_each_phase_updates(name: str, error: ReconstructionError) -> None:
    model = model_with(error)
    assert_gradients_reach_updates(loss_named(name), model, batch_for(model), step=0)


@pytest.mark.parametrize("name", LOSSES)
def test_the_encoder_and_the_targets_are_pictures_where_the_decoder_returns_logits(name: str) -> None:
    class Watched(BCE):
        def __call__(self, x: Tensor, output: Tensor, /) -> Tensor:
            targets.append(x)
            return super().__call__(x, output)

    targets: list[Tensor] = []
    model = model_with(Watched())
    with torch.no_grad():
        model.decoder[-1].bias += 3.0  # outputs outside [0, 1]
    encoded: list[Tensor] = []
    model.encoder.register_forward_pre_hook(lambda module, inputs: encoded.append(inputs[0]))
    totals(loss_named(name), model)
    assert model.decoder(torch.zeros(1, 3, dtype=torch.float64)).max() > 1
    assert all(x.min() >= 0 and x.max() <= 1 for x in (*encoded, *targets))
    assert len(encoded) == (1 if name == "vae" else 5) and len(targets) >= 1


def test_samples_and_reconstructions_of_logits_are_pictures() -> None:
    model, z = model_with(BCE()), torch.randn(5, 3, dtype=torch.float64)
    x = pictures()
    assert torch.equal(model.sample(z), model.decoder(z).sigmoid())
    assert torch.equal(model.reconstruct(x), model.decoder(model.encoder(x).mu).sigmoid())
    model.reconstruction_error = SquaredError()
    assert torch.equal(model.sample(z), model.decoder(z))
    assert torch.equal(model.reconstruct(x), model.decoder(model.encoder(x).mu))
