"""Models that the tests of the demo share: small untrained ones, and short trainings."""

import pytest
import torch
from support.commands import IMAGES, TINY
from torch import nn

import genkit
from genkit.core.diag_normal import DiagNormal
from genkit.core.model import GAN, Autoencoder
from genkit.demo.playground import Playground
from genkit.notebook.trained_model import TrainedModel
from genkit.recipe.text.document import Document
from genkit.runs.trained_models.trained import Trained

KEYS = {"train.steps": 6, "train.batch_size": 8, "checkpoint.every": 3}


class Encoder(nn.Linear):
    def forward(self, x):
        mu = super().forward(x.flatten(1))
        return DiagNormal(mu, torch.zeros_like(mu))


class Decoder(nn.Module):
    """Codes to images, (B, L) -> (B, 1, 4, 4): a linear map, then a function of each pixel."""

    def __init__(self, matrix, bend):
        super().__init__()
        self.matrix, self.bend = nn.Parameter(matrix), bend

    def forward(self, z):
        return self.bend(z @ self.matrix.T).unflatten(1, (1, 4, 4))


def trained_model(network, title="model"):
    document = Document({"title": title})
    return TrainedModel(Trained(network.eval(), "raw", "step 1", document, ""), torch.device("cpu"))


@pytest.fixture
def autoencoder():
    """Return a function: (matrix (16, L), function of pixels) -> `TrainedModel`."""

    def build(matrix, bend=lambda pixels: pixels, title="model"):
        latent = matrix.shape[1]
        torch.manual_seed(0)
        encoder = Encoder(16, latent)
        network = Autoencoder(encoder, Decoder(matrix, bend), latent, (1, 4, 4)).to(matrix.dtype)
        return trained_model(network, title)

    return build


@pytest.fixture
def gan():
    matrix = torch.rand(16, 3)
    return trained_model(GAN(Decoder(matrix, torch.sigmoid), nn.Linear(16, 1), 3, (1, 4, 4)))


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """Return a run on digits, with EMA weights."""
    return _run(tmp_path_factory, "digits", IMAGES, {"ema.decay": 0.5})


@pytest.fixture(scope="session")
def points(tmp_path_factory):
    """Return a run on a density in the plane."""
    return _run(tmp_path_factory, "points", TINY.partition("[metrics.modes]")[0], {})


@pytest.fixture(scope="session")
def digits_playground(digits):
    return Playground(digits.path, digits.load())


def _run(tmp_path_factory, name, text, keys):
    folder = tmp_path_factory.mktemp(name)
    (folder / f"{name}.toml").write_text(text)
    return genkit.train(genkit.read_recipe(folder / f"{name}.toml").set(KEYS, keys), folder / "runs", progress=False)
