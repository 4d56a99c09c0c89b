"""Sets of samples that a trained model reads: a split of the data of its run, or the user's own pictures.

A set is read a chunk at a time, as often as needed, so memory does not grow with its size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from genkit.bases.pictures.user_pictures import UserPictures
from genkit.core.condition import LABEL
from genkit.core.dataset import Dataset, LabelledDataset, NamedDataset
from genkit.core.model import Model
from genkit.evaluation.draws import Read, groups_of, rows_of_chunk

MOST_IMAGES = 64  # of a chunk; a network computes more at a time hardly faster, but needs gigabytes for large images


class SampleChunk(NamedTuple):
    """Samples in the dtype and on the device of the model, with a name and a label for each."""

    x: Tensor  # (b, *data_shape); images in [0, 1]
    names: list[str]  # the path of a picture below its folder, or the number in the split
    labels: list[str]  # the class of the data set, or the sub-folder of a picture; "" without one
    extra: Mapping[str, Tensor] | None = None  # the condition of a conditional model; None if no class is known


@dataclass(frozen=True)
class SampleSet:
    """A named set of samples. `chunk(start, size)` is a pure function."""

    name: str
    described: str  # "1,000 samples of the test split", "20 pictures of NAME"
    total: int
    rows: int  # of a chunk
    chunk: Callable[[int, int], SampleChunk]
    pictures: UserPictures | None = None  # of the user
    groups: Sequence[str] | None = None  # of the samples, such as patients; None if they are independent

    def __len__(self) -> int:
        """The number of samples."""
        return self.total

    def __iter__(self) -> Iterator[SampleChunk]:
        """Yield all samples in chunks.

        Raises `UsageError` for pictures that cannot be used, and at the end if levels make all of them one constant.
        """
        for start in range(0, self.total, self.rows):
            yield self.chunk(start, min(self.rows, self.total - start))
        if self.pictures is not None:
            self.pictures.refuse_flat()

    def remark(self) -> str:
        """Return what a user may not expect of the values that were read; empty if nothing is unusual."""
        return "" if self.pictures is None else self.pictures.remark()

    def values(self) -> dict[str, Any] | None:
        """Return the range of the values that were read, in the types of JSON; None for samples without levels."""
        found = None if self.pictures is None else self.pictures.values
        return None if found is None else found.as_dict()


def set_of_data(name: str, data: Dataset, model: Model, total: int, seed: int) -> SampleSet:
    """Return `total` samples of a split: those that a metric reads, so all of them if the split has no more."""
    read = Read(model, data, total, seed)
    known = data.sample_names() if isinstance(data, NamedDataset) else ()
    classes = data.class_names() if isinstance(data, LabelledDataset) else ()

    def chunk(start: int, size: int) -> SampleChunk:
        samples = read.samples(start, size)
        names = [_named(known, index) for index in read.indices[start : start + size].tolist()]
        labels = samples.extra.get(LABEL)
        if labels is None or labels.dim() != 1:
            shown = [""] * size
        else:
            shown = [_named(classes, label) for label in labels.tolist()]
        return SampleChunk(samples.x, names, shown, samples.extra or None)

    among = f" of the {data.size:,}" if data.size is not None and data.size > total else ""
    described = f"{total:,}{among} sample{'s' * (total != 1)} of the {data.split} split"
    return SampleSet(name, described, total, _rows(data.shape), chunk, groups=groups_of(data, total))


def _named(names: Sequence[str], index: int) -> str:
    """Return the name with this index, or the index itself if it has no name."""
    return names[index] if 0 <= index < len(names) else str(index)


def set_of_pictures(name: str, pictures: UserPictures, model: Model, groups: Sequence[str] | None = None) -> SampleSet:
    """Return all pictures of the user in a folder, an array or a file, with their groups.

    The description has the name and not the place: a picture for others shows no path of this machine.
    """
    weight = next(model.parameters())

    def chunk(start: int, size: int) -> SampleChunk:
        places = range(start, start + size)
        names, labels = [pictures.name(index) for index in places], [pictures.label(index) for index in places]
        return SampleChunk(pictures.chunk(start, size).to(weight), names, labels)

    total = len(pictures)
    described = f"{total:,} picture{'s' * (total != 1)} of {name}"
    return SampleSet(name, described, total, _rows(pictures.transform.shape), chunk, pictures, groups)


def set_of_tensor(name: str, x: Tensor, model: Model) -> SampleSet:
    """Return samples, (N, *data_shape), as a set; the name of a sample is its row."""
    weight = next(model.parameters())

    def chunk(start: int, size: int) -> SampleChunk:
        rows = range(start, start + size)
        return SampleChunk(x[start : start + size].to(weight), [str(row) for row in rows], [""] * size)

    total = len(x)
    described = f"{total:,} sample{'s' * (total != 1)} of the array `{name}`"
    return SampleSet(name, described, total, _rows(tuple(x.shape[1:])), chunk)


def _rows(shape: tuple[int, ...]) -> int:
    """Return the rows of a chunk. Those of a density are those of the metrics, since its draws depend on them."""
    return min(rows_of_chunk(shape), MOST_IMAGES) if len(shape) == 3 else rows_of_chunk(shape)
