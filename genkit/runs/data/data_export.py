"""Samples of a split written as image files: for other programs, or as a folder of pictures to try a command with.

A file has the name of the file that its sample is from (`genkit.runs.data.exported_names`). Other samples have their
number in the split, with classes in the sub-folder of the class, as an `image-folder` reads it. Masks have the same
names in a folder of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from genkit.console.output import progress_count
from genkit.core.condition import LABEL
from genkit.core.dataset import MASK, Dataset, LabelledDataset, NamedDataset, Samples
from genkit.core.noise import Noise, Rows
from genkit.runs.data.exported_names import file_names
from genkit.runs.trained_models.without_flips import without_flips
from genkit.storage.atomic import new_folder
from genkit.storage.sole_writer import sole_writer

if TYPE_CHECKING:
    from PIL.Image import Image

CHUNK = 256  # samples that are read at a time
LEVELS_OF_8_BITS = 255


@dataclass(frozen=True)
class ExportedPictures:
    """The pictures of a split in files."""

    data: Dataset
    indices: Tensor  # of the samples in the split, (N,) int64

    @classmethod
    def spread(cls, data: Dataset, number: int | None) -> ExportedPictures:
        """Return `number` samples spread over the split, or all of them, without the flips of training.

        Raises `ValueError` for samples that are no pictures, for data without an end, and for more samples than there
        are.
        """
        if len(data.shape) != 3 or data.shape[0] not in (1, 3):
            raise ValueError(f"samples of shape {tuple(data.shape)} are no pictures, (1, H, W) or (3, H, W)")
        size = data.size
        if size is None:
            raise ValueError("a stream or a density has no last sample, and its samples no numbers")
        data = without_flips(data)
        wanted = size if number is None else number
        if wanted > size:
            raise ValueError(f"the {data.split} split has only {size} samples, and {wanted} are asked for")
        return cls(data, torch.arange(wanted) * size // max(wanted, 1))

    @property
    def has_masks(self) -> bool:
        """Whether the samples have masks."""
        return bool(getattr(self.data, "has_masks", False))

    def write(self, pictures: Path, masks: Path | None) -> int:
        """Write the pictures, and the masks if their folder is given; return the number of pictures.

        The folders appear under their names when all is written. Raises `OSError`.
        """
        with ExitStack() as stack:
            stack.enter_context(sole_writer(pictures))
            images = stack.enter_context(new_folder(pictures))
            marks = None if masks is None else stack.enter_context(new_folder(masks))
            advance = stack.enter_context(progress_count("writing pictures", len(self.indices)))
            start, known = 0, self._file_names
            for samples, indices in self._chunks():
                names = [Path(self._class_of(samples, row)) / f"{index:06d}.png" for row, index in enumerate(indices)]
                names = names if known is None else known[start : start + len(indices)]
                start += len(indices)
                for row, name in enumerate(names):
                    _save(_picture(samples.x[row]), images / name)
                    if marks is not None:
                        _save(_mask(samples.extra[MASK][row]), marks / name)
                advance(len(indices))
        return len(self.indices)

    @cached_property
    def _file_names(self) -> list[Path] | None:
        names = self.data.sample_names() if isinstance(self.data, NamedDataset) else ()
        return file_names(names, self.indices.tolist())

    @cached_property
    def _class_names(self) -> tuple[str, ...]:
        return self.data.class_names() if isinstance(self.data, LabelledDataset) else ()

    def _chunks(self) -> Iterator[tuple[Samples, list[int]]]:
        for indices in self.indices.split(CHUNK):
            yield self.data.batch(indices, Noise(0, 0, "export", Rows.all(len(indices)))), indices.tolist()

    def _class_of(self, samples: Samples, row: int) -> str:
        """Return the name of the class of a sample; empty without classes."""
        if LABEL not in samples.extra:
            return ""
        label = int(samples.extra[LABEL][row])
        return self._class_names[label] if label < len(self._class_names) else str(label)


def _picture(x: Tensor) -> Image:
    """Return a picture in [0, 1], (C, H, W), with 8 bits."""
    from PIL import Image

    pixels = (x * LEVELS_OF_8_BITS).round().clamp(0, LEVELS_OF_8_BITS).byte().numpy()
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1))


def _mask(mask: Tensor) -> Image:
    from PIL import Image

    return Image.fromarray(mask.numpy().astype(np.uint8) * LEVELS_OF_8_BITS)


def _save(image: Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
