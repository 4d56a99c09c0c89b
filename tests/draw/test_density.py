"""Panels of data, samples and density for points in the plane."""

import math

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image
from support.quick_pictures import USUAL
from torch import nn

from genkit.core.diag_normal import DiagNormal
from genkit.core.model import GAN, Autoencoder
from genkit.draw.density import energy_map, histogram, relative_density, save_density_panels


class Affine(nn.Module):
    """q(z|x) = N(x A + a, diag(exp(logvar)))."""

    def __init__(self, matrix, shift, logvar):
        super().__init__()
        self.matrix = nn.Parameter(torch.tensor(matrix, dtype=torch.float64))
        self.shift = nn.Parameter(torch.tensor(shift, dtype=torch.float64))
        self.logvar = nn.Parameter(torch.tensor(logvar, dtype=torch.float64))

    def forward(self, x):
        return DiagNormal(x @ self.matrix + self.shift, self.logvar.expand(len(x), -1))


class ConstantDecoder(nn.Module):
    """Decoder that returns the same point for every code."""

    def __init__(self, point):
        super().__init__()
        self.point = nn.Parameter(torch.tensor(point, dtype=torch.float64))

    def forward(self, z):
        return self.point.expand(len(z), -1)


def one_point(point):
    """Return a model with q(z|x) = p(z), whose density is exp(-|x - point|²)."""
    return Autoencoder(Affine([[0.0, 0.0]] * 2, [0.0, 0.0], [0.0, 0.0]), ConstantDecoder(point), 2, (2,))


def test_the_density_of_a_gaussian_integrates_to_pi_around_its_centre():
    # exp(-|x - c|²) has integral π and mean c; the box is wide enough for all of it.
    density = (-energy_map(one_point([0.7, -0.4]), half_width=6.0)).exp()
    centres = (torch.arange(256, dtype=torch.float64) + 0.5) * 12 / 256 - 6
    assert density.sum().item() * (12 / 256) ** 2 == pytest.approx(math.pi, rel=1e-9)
    # Rows are y, columns are x, both upwards.
    assert (density.sum(0) @ centres / density.sum()).item() == pytest.approx(0.7, abs=1e-9)
    assert (density.sum(1) @ centres / density.sum()).item() == pytest.approx(-0.4, abs=1e-9)


def test_the_map_is_the_energy_of_each_cell_for_any_chunk_size(monkeypatch):
    model = one_point([0.7, -0.4])
    whole = energy_map(model, 2.0, resolution=10)
    monkeypatch.setattr("genkit.evaluation.samples.POINT_CHUNK", 7)
    assert torch.equal(energy_map(model, 2.0, resolution=10), whole)
    # Row 9 and column 0: y = 1.8, x = -1.8.
    assert whole[9, 0].item() == pytest.approx((-1.8 - 0.7) ** 2 + (1.8 + 0.4) ** 2)
    assert not whole.requires_grad


def test_a_density_that_underflows_is_still_shown():
    relative = relative_density(torch.tensor([[5000.0, 5001.0], [math.inf, math.nan]], dtype=torch.float64))
    assert relative[0].tolist() == pytest.approx([1.0, math.exp(-1)])
    assert relative[1, 0] == 0 and relative[1, 1].isnan()


def test_the_histogram_equals_that_of_numpy():
    samples = 1.2 * torch.randn(4000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    edges = np.linspace(-2, 2, 101)
    counts, _, _ = np.histogram2d(samples[:, 1].numpy(), samples[:, 0].numpy(), bins=(edges, edges))
    assert np.allclose(histogram(samples, 2.0).numpy(), counts / (4000 * 0.04**2))


def test_samples_that_are_not_finite_are_in_no_cell():
    samples = torch.tensor([[math.nan, 0.0], [math.inf, 0.0], [0.1, 0.1], [9.0, 0.0]])
    assert histogram(samples, 2.0, bins=4).sum().item() == pytest.approx(0.25)  # one of four, in a cell of area 1


def model_without_encoder():
    return GAN(nn.Linear(2, 2), nn.Linear(2, 1), 2, (2,))


@pytest.mark.parametrize("model", [one_point([1.0, 0.0]), model_without_encoder()], ids=["autoencoder", "gan"])
def test_the_panels_are_a_png_of_9_by_3_3_inches_with_the_same_bytes_each_time(tmp_path, model):
    samples, reference = torch.randn(2, 50, 2, generator=torch.Generator().manual_seed(0))
    for name in ("a.png", "b.png"):
        save_density_panels(tmp_path / name, model, samples, reference, "vae on 8-gaussians", 2.0)
    with Image.open(tmp_path / "a.png") as picture:
        picture.load()
        assert (picture.format, picture.size) == ("PNG", (9 * USUAL["DPI"], round(3.3 * USUAL["DPI"])))
        assert "Software" not in picture.info
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_matplotlib_settings_of_the_user_do_not_change_a_picture_and_are_not_changed(tmp_path):
    samples = torch.zeros(3, 2)
    save_density_panels(tmp_path / "a.png", one_point([1.0, 0.0]), samples, samples, "title with $ and $", 2.0)
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30}):
        save_density_panels(tmp_path / "b.png", one_point([1.0, 0.0]), samples, samples, "title with $ and $", 2.0)
        assert matplotlib.rcParams["font.size"] == 30
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_picture_is_brightest_where_the_density_is_largest(tmp_path):
    # The point (1, 1) is in the upper right quarter of the third panel.
    save_density_panels(tmp_path / "a.png", one_point([1.0, 1.0]), torch.zeros(1, 2), torch.zeros(1, 2), "", 2.0)
    grey = np.asarray(Image.open(tmp_path / "a.png").convert("L")).astype(float)
    panel = grey[:, 950:]
    dark = np.argwhere(panel < 60)  # the dark background of the panel shows where it is
    (top, left), (bottom, right) = dark.min(axis=0), dark.max(axis=0)
    inner = panel[top + 5 : bottom - 5, left + 5 : right - 5]
    quarters = [part.mean() for half in np.array_split(inner, 2) for part in np.array_split(half, 2, axis=1)]
    assert np.argmax(quarters) == 1


def test_a_diverged_model_still_gives_a_picture(tmp_path):
    samples = torch.full((5, 2), math.nan)
    for model in (one_point([math.nan, 0.0]), model_without_encoder()):
        save_density_panels(tmp_path / "a.png", model, samples, torch.zeros(5, 2), "diverged", 2.0)
        assert (tmp_path / "a.png").exists()
