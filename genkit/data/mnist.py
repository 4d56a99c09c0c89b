"""MNIST: 60,000 handwritten digits to train on and 10,000 to test, grey, 28 x 28.

LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition",
https://doi.org/10.1109/5.726791. genkit owns no link to the data: it reads a folder, or what `datasets` can load.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genkit.data.hub import read_pictures, unmet_hub
from genkit.data.idx import read_idx
from genkit.data.images import Arrays, ImageSet
from genkit.errors import UsageError

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


@dataclass(frozen=True)
class MNIST(ImageSet):
    """The digits of a folder (`path`) or of the `datasets` library (`hub`), exactly one of them.

    Raises `ValueError` unless exactly one is given.
    """

    path: Path | None = None  # a folder with the four idx files, compressed with gzip or not
    hub: str | None = None  # an id, "ylecun/mnist", or a folder that `datasets` can open

    def __post_init__(self) -> None:
        if (self.path is None) == (self.hub is None):
            found = "neither path nor hub is given" if self.path is None else "both path and hub are given"
            raise ValueError(f'{found}; write path = "FOLDER" (of the four idx files) or hub = "ylecun/mnist"')

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one digit."""
        return (1, 28, 28)

    def unmet(self) -> tuple[str, ...]:
        """Name the files of this split that are absent, the folder that was looked at, and how to get them."""
        if self.path is None:
            return unmet_hub(str(self.hub))
        missing = [name for name in FILES[self.split] if not self._file(name).exists()]
        if not missing:
            return ()
        return (
            f"[data] path: {self._folder} has no {' and no '.join(missing)}, with or without .gz, which the "
            f"{self.split} split needs. Put the four files of MNIST as distributed by its authors there, "
            'or give hub = "ylecun/mnist" instead of path.',
        )

    def read(self) -> Arrays:
        """Read the whole split, (N, 1, 28, 28) and (N,). Raises `UsageError` where that fails."""
        if unmet := self.unmet():
            raise UsageError("\n".join(unmet))
        if self.path is None:
            images, labels = read_pictures(str(self.hub), self.split, "L")
        else:
            images, labels = (read_idx(self._file(name)) for name in FILES[self.split])

        where = self._folder if self.path else f"hub = {self.hub!r}"
        if images.shape[1:] != self.shape[1:]:
            raise UsageError(f"{where}: the images of the {self.split} split are {images.shape}, expected (N, 28, 28).")
        if labels is not None and labels.shape != images.shape[:1]:
            raise UsageError(
                f"{where}: the labels of the {self.split} split are {labels.shape}, expected ({len(images)},)."
            )
        return Arrays(images[:, None], labels)

    @property
    def _folder(self) -> Path:
        return Path(str(self.path)).expanduser().absolute()

    def _file(self, name: str) -> Path:
        plain = self._folder / name
        return plain if plain.exists() else plain.with_name(f"{name}.gz")
