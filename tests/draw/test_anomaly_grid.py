"""Picture of anomaly maps: colours, marks, one scale for all maps, and the bar with the threshold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from genkit.draw.anomaly_grid import BAR_WIDTH, DIMMED, ShownMaps, coloured, marked, save_anomaly_grid
from genkit.draw.image_grid import LABEL_LINE, MARGIN

LIGHTNESS = np.array([0.2126, 0.7152, 0.0722])


def shown(number: int = 3, channels: int = 1, masks: bool = False) -> ShownMaps:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.rand(number, channels, 10, 10, generator=generator) for _ in range(2))
    maps = torch.zeros(number, 10, 10)
    maps[:, 4:6] = torch.arange(1, number + 1)[:, None, None].float()
    return ShownMaps(x, y, maps, maps > 0 if masks else None)


def pixels_of(path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_colours_rise_evenly_in_lightness():
    colours = coloured(torch.linspace(0, 2, 64)[None, None], 0.0, 2.0)[0, :, 0].T.numpy()
    assert (np.diff(colours @ LIGHTNESS) > 0).all()
    assert colours[0].max() < 0.05 and colours[-1].min() > 0.6


def test_values_out_of_range_and_a_flat_scale_have_colours():
    assert torch.equal(coloured(torch.tensor([[[-1.0, 9.0]]]), 0, 1), coloured(torch.tensor([[[0.0, 1.0]]]), 0, 1))
    assert coloured(torch.ones(1, 2, 2), 1.0, 1.0).isfinite().all()


def test_marks_are_lighter_than_what_is_below_the_threshold():
    images = torch.rand(2, 1, 6, 6).expand(-1, 3, -1, -1).double()
    abnormal = torch.zeros(2, 6, 6, dtype=torch.bool)
    abnormal[0, 2, 3] = True
    found = marked(images, abnormal)
    assert torch.equal(found.permute(0, 2, 3, 1)[~abnormal], (DIMMED * images).permute(0, 2, 3, 1)[~abnormal])
    assert found[0, :, 2, 3].numpy() @ LIGHTNESS > DIMMED


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_has_a_row_for_everything(tmp_path, channels):
    save_anomaly_grid(tmp_path / "a.png", shown(3, channels), 1.5, "title", "note")
    save_anomaly_grid(tmp_path / "b.png", shown(3, channels, masks=True), 1.5, "title", "note")
    save_anomaly_grid(tmp_path / "c.png", shown(12, channels), 1.5, "title", "note")
    heights = {name: pixels_of(tmp_path / f"{name}.png").shape[0] for name in "abc"}
    assert heights["b"] - heights["a"] == 84  # a row of images of 80 pixels, and its gap
    assert heights["c"] - heights["a"] == 4 * 84 + 12


@pytest.mark.parametrize("threshold", [0.0, 0.7, 3.0, 8.0])
def test_the_bar_marks_the_threshold(tmp_path, threshold):
    """The bar ends at the largest pixel of all maps, 3, or at the threshold."""
    save_anomaly_grid(tmp_path / "a.png", shown(), threshold, "title", "note")
    picture = pixels_of(tmp_path / "a.png").astype(int)
    high = max(3.0, threshold)
    column = MARGIN + round(threshold / high * (BAR_WIDTH - 1))
    ink = (picture[:, :, :] == 0x22).all(axis=2)
    longest = [_longest_run(ink[-60:, each]) for each in range(MARGIN - 2, MARGIN + BAR_WIDTH + 3)]
    assert abs(int(np.argmax(longest)) + MARGIN - 2 - column) <= 1 and max(longest) >= 20


def _longest_run(column: np.ndarray) -> int:
    best = run = 0
    for value in column:
        run = run + 1 if value else 0
        best = max(best, run)
    return best


def test_the_same_maps_give_the_same_bytes(tmp_path):
    for name in "ab":
        save_anomaly_grid(tmp_path / f"{name}.png", shown(masks=True), 1.0, "title", "note")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_names_and_scores_are_above_the_inputs_and_inside_their_columns(tmp_path):
    plain = shown(9)
    names = ["x.png", "W" * 60, *(f"deep/folder/{number}.png" for number in range(7))]
    named = replace(plain, names=names, scores=[1.0, -1.23456e-12, *range(7)])
    for name, each in (("plain", plain), ("named", named)):
        save_anomaly_grid(tmp_path / f"{name}.png", each, 1.5, "title", "note")
    without, within = (pixels_of(tmp_path / f"{name}.png") for name in ("plain", "named"))
    assert within.shape[0] == without.shape[0] + 2 * 2 * LABEL_LINE  # two rows of inputs, two lines each
    top = next(row for row in range(60, 400) if (within[row] != without[row]).any())
    band = (within[top : top + 2 * LABEL_LINE] != 255).any(axis=(0, 2))
    left = int(band.argmax())
    for column in range(8):  # nothing is written into the gap beside an image
        assert band[left + column * 84 : left + column * 84 + 40].any()
        assert not band[left + column * 84 + 81 : left + (column + 1) * 84 - 1].any()
