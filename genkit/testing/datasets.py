"""Laws of data sets."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from genkit.core.dataset import Dataset, Samples, TwoStepDataset
from genkit.core.known_data import BoxedDataset, MultimodalDataset
from genkit.core.noise import Noise, Rows
from genkit.core.two_steps import batch_in_two_steps
from genkit.recipe.binding.part_interface import check_interface
from genkit.recipe.trial.check_samples import check_values, checked_raw, checked_samples
from genkit.recipe.trial.draw_finder import refusing_global_draws
from genkit.recipe.trial.try_data import try_data
from genkit.testing.dataset_facts import check_extra, check_known
from genkit.testing.law import Law, assert_same, for_each_case, hold

ROWS = 8
KNOWN = 1000  # samples beside the box and the modes that a data set knows
CHUNK = 100  # samples that are read together, to compare the splits
DRAW_FROM_NOISE = "Draw with the argument: noise.randn, noise.rand and noise.randint."


def assert_dataset_is_lawful(data: Dataset, *, most: int = 2000) -> None:
    """Assert what genkit assumes of a data set, on both of its splits.

    - Shape, split, size and `unmet` are what `genkit.api.Dataset` documents, and nothing is missing on this machine.
    - Samples have the declared shape, are float32 and finite, and images are in [0, 1], up to the last index.
    - Samples are a function of index and noise: a second read, and a read of some of the rows, return the same.
    - No held-out sample is a training sample. Of each split `most` samples are compared: the first and the last ones.
    - Labels are classes from 0 on, and the same in a batch and in `class_labels`; each class has a name if one has.
      Masks have the sides of the image. Each sample has a name if one has: printable, not that of another sample, and a
      path below a folder. Each sample has a group if `has_groups`.
    - Nearly all points are in the box of `half_width`, and they follow the Gaussians of `centres` and `std`.
    - A copy that pickle has made, as for worker processes, returns the same samples.
    - A data set that loads and finishes in two steps returns the samples of `batch`.

    Raises `ValueError` if `most` is less than 2: nothing would be compared.
    """
    if most < 2:
        raise ValueError(f"most is {most}: give 2 or more, so that samples of the splits are compared")
    trials = {"training split": _Trial(lambda: data), "held-out split": _Trial(data.held_out)}
    hold(
        data,
        (
            Law("facts", lambda: _check_facts(data), "Implement genkit.api.Dataset; get what is missing", basic=True),
            *for_each_case({name: trial.laws() for name, trial in trials.items()}),
            Law(
                "nothing held out is trained on",
                lambda: _check_held_out(data, most),
                "Split the source into two parts without a common sample, and remove samples that occur twice",
            ),
        ),
    )


def _check_facts(data: Dataset) -> None:
    check_interface("datasets", data)
    try_data(data)
    for split in (data, data.held_out()):
        assert not split.unmet(), f"the {split.split} split cannot be read: {' '.join(split.unmet())}"
        assert split.size is None or split.size > 0, f"the {split.split} split is empty"


@dataclass(frozen=True)
class _Trial:
    """One split of a data set."""

    of: Callable[[], Dataset]  # the held-out split is made after the facts are checked

    def laws(self) -> list[Law]:
        return [
            Law(
                "samples",
                self.samples,
                "Return genkit.api.Samples(x) with x of the declared shape, for every index from 0 to size - 1",
            ),
            Law(
                "the same samples again",
                self.again,
                f"{DRAW_FROM_NOISE} Return new tensors, not views of stored ones",
            ),
            Law(
                "each row by itself",
                self.rows,
                "Let row i depend on index i and row i of the noise only, so that n processes read what one reads",
            ),
            Law(
                "labels, masks and names",
                self.extra,
                'Give each sample its class as extra["label"], (B,) int64 from 0 on, its mask as extra["mask"], '
                "(B, H, W) bool, a name of its own, a relative path, and a group if it has groups",
            ),
            Law(
                "box and modes",
                self.known,
                "Return half_width, centres and std as genkit.api.BoxedDataset and MultimodalDataset document them",
            ),
            Law(
                "a copy in another process",
                self.pickled,
                "Open files where they are read, and keep no lambda, lock or open file in the data set",
            ),
            Law(
                "two steps are one",
                self.two_steps,
                "Implement batch as batch_in_two_steps(self, indices, noise)",
            ),
        ]

    def samples(self) -> None:
        data = self.of()
        with refusing_global_draws(data, DRAW_FROM_NOISE):
            check_values(data, self.read())
        if data.size is not None:
            last = torch.tensor([data.size - 1])
            noise = _noise(1)
            try:
                found = data.batch(last, noise)
            except IndexError as error:
                raise AssertionError(
                    f"size is {data.size}, but index {data.size - 1} cannot be read: {error}"
                ) from None
            check_values(data, checked_samples(data, found, noise))

    def again(self) -> None:
        first = self.read()
        kept = first.x.clone()
        first.x.mul_(0.5).add_(0.25)  # what a training does to its batch must not reach the data
        second = self.read()
        assert_same(second.x, kept, "a second read with equal noise")
        assert first.extra.keys() == second.extra.keys(), "a second read has other extra tensors"

    def rows(self) -> None:
        data, together = self.of(), self.read()
        for start, stop in ((0, ROWS // 2), (ROWS // 2, ROWS), (1, 2)):
            noise = replace(_noise(ROWS), rows=Rows(start, stop, ROWS))
            found = checked_samples(data, data.batch(self.indices()[start:stop], noise), noise)
            what = f"rows {start} to {stop - 1} read by themselves"
            assert_same(found.x, together.x[start:stop], what, atol=1e-6)
            for name, tensor in together.extra.items():
                assert_same(found.extra[name], tensor[start:stop], f"extra {name!r} of {what}")

    def extra(self) -> None:
        check_extra(self.of(), self.read(), self.indices())

    def known(self) -> None:
        data = self.of()
        if isinstance(data, (BoxedDataset, MultimodalDataset)):
            rows = min(data.size or KNOWN, KNOWN)
            check_known(data, data.batch(torch.arange(rows) * ((data.size or KNOWN) // rows), _noise(rows)).x)

    def pickled(self) -> None:
        copied = pickle.loads(pickle.dumps(self.of()))
        noise = _noise(ROWS)
        assert_same(copied.batch(self.indices(), noise).x, self.read().x, "the samples of a copy")

    def two_steps(self) -> None:
        data = self.of()
        if isinstance(data, TwoStepDataset):
            checked_raw(data, data.load(self.indices(), _noise(ROWS)), _noise(ROWS))
            split = batch_in_two_steps(data, self.indices(), _noise(ROWS))
            assert_same(split.x, self.read().x, "the samples of load and finish")

    def read(self) -> Samples:
        """Return samples spread over the split."""
        data, noise = self.of(), _noise(ROWS)
        return checked_samples(data, data.batch(self.indices(), noise), noise)

    def indices(self) -> Tensor:
        """Return indices spread over the split, (ROWS,); those of a split with few samples repeat."""
        size = self.of().size or 10 * ROWS
        return torch.arange(ROWS) * max(size // ROWS, 1) % size


def _check_held_out(data: Dataset, most: int) -> None:
    held_out = data.held_out()
    if data.split == "test" or data.size is None or held_out.size is None:  # held out itself, drawn, or a stream
        return
    trained = {key: index for index, key in _samples_by_index(data, most)}
    same = [(index, trained[key]) for index, key in _samples_by_index(held_out, most) if key in trained]
    assert not same, (
        f"{len(same)} of {min(held_out.size, most)} held-out samples are training samples: held-out sample "
        f"{same[0][0]} is training sample {same[0][1]}"
    )


def _samples_by_index(data: Dataset, most: int) -> list[tuple[int, bytes]]:
    """Return index and bytes of the first and last samples of a split."""
    size = data.size or 0
    chosen = range(size) if size <= most else [*range(most // 2), *range(size - most // 2, size)]
    found = []
    for chunk in torch.tensor([*chosen]).split(CHUNK):
        x = data.batch(chunk, _noise(len(chunk))).x
        found += [(int(index), row.contiguous().numpy().tobytes()) for index, row in zip(chunk, x, strict=True)]
    return found


def _noise(rows: int) -> Noise:
    return Noise(0, 0, "data", Rows.all(rows))
