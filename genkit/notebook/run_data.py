"""The data of a run, as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import index as as_integer
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genkit.core.dataset import Dataset, LabelledDataset
from genkit.core.noise import Noise, Rows, seed_of
from genkit.errors import UsageError
from genkit.notebook.arrays import INTEGERS, as_tensor
from genkit.notebook.computing import computing
from genkit.notebook.rows_read import RowsRead
from genkit.recipe.text.document import read
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.trained_models.trained import open_data, require_data
from genkit.runs.trained_models.without_flips import without_flips

MOST_SHOWN = 60  # characters of an index in a message


@dataclass(frozen=True)
class RunData:
    """A split of the data of a run: ``data[0:16]`` are samples, (16, *shape), on the CPU, in the dtype of the model.

    An index is a number, a slice, several numbers or a mask with a bool for each sample, such as ``data.labels == 2``.
    Samples are read when they are asked for, and never mirrored. A density draws: equal indices of a split give equal
    draws, other ones and the other split give others.
    """

    _path: Path
    _whole: Dataset  # the training data, which name what is missing
    _split: Dataset
    _noise: Noise  # of a split
    _held_out: bool  # whether it is the held-out split
    dtype: torch.dtype
    trained_on: RowsRead = field(default_factory=RowsRead)  # the training samples that were read, but fresh draws

    @classmethod
    def open(cls, path: Path) -> RunData:
        """Return the training data of a run. Raises `UsageError` if they are missing or have changed."""
        tables = read(RunFolder(path).resolved).tables
        data = open_data(path)
        require_data(path, data, data, may_move=False)
        dtype = torch.float64 if tables.get("train", {}).get("precision") == "fp64" else torch.float32
        noise = Noise(int(tables.get("seed", 0)), 0, "notebook", Rows.all(1), dtype=dtype)
        return cls(path, data, without_flips(data), noise, False, dtype)

    def held_out(self) -> RunData:
        """Return the held-out split, which the run was not trained on. Raises `UsageError` if it is missing."""
        held_out: Dataset = self._whole.held_out()
        require_data(self._path, self._whole, held_out, may_move=False)
        return replace(self, _split=held_out, _noise=self._noise.of("notebook/held-out"), _held_out=True)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample: (D,) for points, (C, H, W) for images."""
        return tuple(self._split.shape)

    @property
    def labels(self) -> Tensor | None:
        """The class of each sample, (N,) int64; None if the samples have no classes. May read all of them."""
        return self._split.class_labels() if isinstance(self._split, LabelledDataset) else None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes in the order of the labels; empty if they are numbers only."""
        return self._split.class_names() if isinstance(self._split, LabelledDataset) else ()

    def __len__(self) -> int:
        """Return the number of samples. Raises `UsageError` for a density or a stream, which never ends."""
        if self._split.size is None:
            raise UsageError(f"{self._path}: its data never end. Take some samples, such as data[0:16].")
        return self._split.size

    @computing("run.data[...]", "Read fewer samples at a time.")
    def __getitem__(self, index: int | slice | Sequence[int] | Sequence[bool] | Tensor) -> Tensor:
        """Return a sample, (*shape), or several, (n, *shape). Raises `IndexError`, and `UsageError`."""
        if isinstance(index, slice):
            if self._split.size is None and (index.stop is None or min(index.start or 0, index.stop) < 0):
                raise UsageError(f"{self._path}: its data never end. Give a slice with both ends, such as data[0:16].")
            end = index.stop if self._split.size is None else self._split.size
            return self._read(range(*index.indices(end)))
        rows = self._rows(index)
        return self._read([rows])[0] if isinstance(rows, int) else self._read(rows)

    def _rows(self, index: Any) -> int | list[int]:
        """Return the numbers of the samples that an index names. Raises `IndexError`, and `UsageError`."""
        if getattr(index, "ndim", 0) == 0 and not isinstance(index, Sequence):
            if isinstance(index, bool) or not hasattr(index, "__index__") or "bool" in str(getattr(index, "dtype", "")):
                raise self._not_an_index(index)
            return as_integer(index)
        try:
            given = as_tensor(index, "")
        except UsageError:
            raise self._not_an_index(index) from None
        if given.shape == (0,):
            return []
        if given.dtype == torch.bool and given.dim() == 1:
            if self._split.size is None:
                raise UsageError(
                    f"{self._path}: its data never end, so no mask fits. Take a slice, such as data[0:16]."
                )
            if len(given) != self._split.size:
                raise IndexError(f"a mask of {len(given):,} for the {self._split.size:,} samples of the split")
            return given.nonzero().flatten().tolist()
        if given.dtype not in INTEGERS or given.dim() > 1:
            raise self._not_an_index(index)
        found: int | list[int] = given.tolist()
        return found

    def _not_an_index(self, given: Any) -> UsageError:
        """Return the error for an index of another kind, with all kinds that there are."""
        shape = tuple(getattr(given, "shape", ()))
        kind = getattr(given, "dtype", type(given).__name__)
        found = f"{kind} of the shape {shape}" if shape else repr(given)
        found = found if len(found) <= MOST_SHOWN else f"{found[:MOST_SHOWN]}..."
        return UsageError(
            f"{self._path}: found the index {found}. Give the number of a sample, a slice such as data[0:16], a list "
            "of numbers such as data[[0, 5]], or a mask with a bool for each sample. They choose whole samples: index "
            "the tensor for a part of them, as in data[0:4][:, 0]."
        )

    def _read(self, rows: Sequence[int]) -> Tensor:
        size = self._split.size
        wrong = [row for row in rows if size is not None and not -size <= row < size]
        if wrong:
            raise IndexError(f"{wrong[0]}: the {self._split.split} split has {size:,} samples")
        if not rows:
            return torch.empty(0, *self.shape, dtype=self.dtype)
        indices = torch.tensor([row if size is None or row >= 0 else row + size for row in rows])
        # A density draws by the noise, not by the indices, so the noise depends on them.
        noise = replace(self._noise, step=seed_of(*indices.tolist()), rows=Rows.all(len(rows)))
        x = self._split.batch(indices, noise).x.to(self.dtype)
        if size is not None and not self._held_out:
            self.trained_on.add(x)
        return x

    def __repr__(self) -> str:
        number = "endless" if self._split.size is None else f"{self._split.size:,}"
        return f"<{number} samples of shape {self.shape}, {self._split.split} split of {self._path}>"
