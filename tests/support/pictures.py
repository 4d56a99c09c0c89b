"""Picture files of random pixels, and batches of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from genkit.api import Noise, Rows, Samples

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the folder of shared pictures does not exist")


def noise_picture(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_picture(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def write_folder(folder: Path, count: int, size: int = 12, start: int = 0, ending: str = "png") -> Path:
    for index in range(start, start + count):
        write_picture(folder / f"{index:04d}.{ending}", noise_picture(size, size, seed=index))
    return folder


def batch(data: Any, indices: list[int], step: int = 0) -> Samples:
    return data.batch(torch.tensor(indices), Noise(0, step, "data", Rows.all(len(indices))))
