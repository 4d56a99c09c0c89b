"""Levels of streams: pictures of 16 bits in parquet files, compared with the formula."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from support.messages import assert_names

from genkit.api import Noise, Rows
from genkit.parts.datasets.hub_stream import HubStream

pytestmark = pytest.mark.trains


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Return a folder with six pictures of 16 bits, and the values of the pictures."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub-cache")
    values = np.random.default_rng(0).integers(0, 5000, (6, 4, 4)).astype(np.uint16)
    encoded = []
    for picture in values:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, format="PNG")
        encoded.append({"bytes": file.getvalue(), "path": None})
    features = datasets.Features({"image": datasets.Image()})
    for split in ("train", "test"):
        path = tmp_path / "set" / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(exist_ok=True)
        datasets.Dataset.from_dict({"image": encoded}, features).to_parquet(path)
    return str(tmp_path / "set"), values


def seen(hub, **keys) -> np.ndarray:
    data = HubStream(hub=hub, resolution=4, channels=1, **keys).held_out()
    x = data.batch(torch.arange(6), Noise(0, 0, "data", Rows.all(6))).x
    return x[:, 0].numpy()


def test_a_window_of_values_and_percentiles_scale_the_pictures(hub):
    folder, values = hub
    expected = np.clip((values - 1000.0) / 3000, 0, 1)
    np.testing.assert_allclose(seen(folder, value_window=(1000, 4000)), expected, atol=1 / 65535)
    low, high = (np.percentile(values.reshape(6, -1), each, axis=1)[:, None, None] for each in (5, 95))
    expected = np.clip((values - low) / (high - low), 0, 1)
    np.testing.assert_allclose(seen(folder, percentiles=(5, 95)), expected, atol=1 / 65535)
    np.testing.assert_allclose(seen(folder), values / 65535, atol=1 / 255)  # 8 bits of the whole range


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"value_window": (1, 1)}, "value_window = [1, 1]"),
        ({"value_window": (0, 1), "percentiles": (1, 99)}, "value_window and percentiles"),
        ({"percentiles": (5, 101)}, "percentiles = [5, 101]"),
    ],
)
def test_levels_that_are_no_range_are_refused(keys, named):
    with pytest.raises(ValueError) as refused:
        HubStream(hub="nowhere", resolution=4, **keys)
    assert_names(refused.value, named)
