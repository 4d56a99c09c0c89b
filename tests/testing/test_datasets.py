"""The laws of data sets: each mutant, a data set with one mistake, breaks one."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch

from genkit.api import Raw, Samples, batch_in_two_steps
from genkit.testing import assert_dataset_is_lawful

TOTAL, TRAINED = 60, 40


def source() -> torch.Tensor:
    return torch.rand(TOTAL, 1, 4, 4, generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class Grey:
    """Grey pictures with labels, masks and names."""

    split: str = "train"

    shape: ClassVar[tuple[int, ...]] = (1, 4, 4)
    has_masks: ClassVar[bool] = True

    @property
    def numbers(self) -> range:
        return range(TRAINED) if self.split == "train" else range(TRAINED, TOTAL)

    @property
    def size(self) -> int:
        return len(self.numbers)

    def unmet(self):
        return ()

    def held_out(self):
        return replace(self, split="test")

    def has_labels(self):
        return True

    def class_labels(self):
        return torch.tensor([*self.numbers]) % 3

    def class_names(self):
        return ("a", "b", "c")

    def sample_names(self):
        return [f"{number}.png" for number in self.numbers]

    def batch(self, indices, noise):
        x = source()[torch.tensor([*self.numbers])[indices]]
        return Samples(x, {"label": self.class_labels()[indices], "mask": x[:, 0] > 0.5})


@dataclass(frozen=True)
class Augmented(Grey):
    """Pictures in two steps, with noise of their own."""

    def load(self, indices, noise):
        return Raw({"x": super().batch(indices, noise).x, "index": indices})

    def finish(self, raw, noise):
        x = (0.9 * raw.tensors["x"] + 0.1 * noise.rand("light", 1, 1, 1)).clamp(0, 1)
        return Samples(x, {"label": self.class_labels()[raw.tensors["index"]], "mask": x[:, 0] > 0.5})

    def batch(self, indices, noise):
        return batch_in_two_steps(self, indices, noise)


@dataclass(frozen=True)
class Points:
    """A density without labels."""

    shape: ClassVar[tuple[int, ...]] = (2,)
    split: ClassVar[str] = "drawn"
    size: ClassVar[None] = None

    def unmet(self):
        return ()

    def held_out(self):
        return self

    def batch(self, indices, noise):
        return Samples(noise.randn("x", 2))


CENTRES = torch.tensor([[-1.5, 0.0], [1.5, 1.0], [0.0, -1.0]], dtype=torch.float64)
STD = 0.25


@dataclass(frozen=True)
class Modes(Points):
    """Three Gaussians, with what a data set may know of them."""

    half_width: ClassVar[object] = 3.0
    centres: ClassVar[object] = CENTRES
    std: ClassVar[object] = STD

    def batch(self, indices, noise):
        means = CENTRES.float()[noise.randint("mode", len(CENTRES))]
        return Samples(means + STD * noise.randn("x", 2))


@dataclass(frozen=True)
class Patients(Grey):
    """Pictures in groups of two."""

    has_groups: ClassVar[object] = True

    def sample_groups(self):
        return [f"patient {number // 2}" for number in self.numbers]


class NoPatients(Patients):
    has_groups: ClassVar[object] = False

    def sample_groups(self):
        return []


@pytest.mark.parametrize("kind", [Grey, Augmented, Points, Modes, Patients, NoPatients])
def test_lawful_data_sets_pass(kind):
    assert_dataset_is_lawful(kind())


def test_a_comparison_of_no_samples_is_refused():
    with pytest.raises(ValueError, match="most is 1"):
        assert_dataset_is_lawful(SameSplit(), most=1)


class Missing(Grey):
    def unmet(self):
        return ("pictures.zip: not found. Download it",)


class Empty(Grey):
    numbers = property(lambda self: range(TRAINED) if self.split == "train" else range(0))


class Bytes(Grey):
    def batch(self, indices, noise):
        found = super().batch(indices, noise)
        return found._replace(x=255 * found.x)


class Doubles(Grey):
    def batch(self, indices, noise):
        found = super().batch(indices, noise)
        return found._replace(x=found.x.double())


class ChannelsLast(Grey):
    def batch(self, indices, noise):
        found = super().batch(indices, noise)
        return found._replace(x=found.x.movedim(1, -1))


class OneTooMany(Grey):
    size = property(lambda self: len(self.numbers) + 1)


class GlobalNoise(Grey):
    def batch(self, indices, noise):
        found = super().batch(indices, noise)
        return found._replace(x=(found.x + 0.01 * torch.rand(found.x.shape)).clamp(0, 1))


class NumpyNoise(Grey):
    def batch(self, indices, noise):
        found = super().batch(indices, noise)
        light = torch.from_numpy(np.random.default_rng().random(found.x.shape)).float()
        return found._replace(x=(found.x + 0.01 * light).clamp(0, 1))


STORED = source()


class FirstRowsNoise(Augmented):
    def finish(self, raw, noise):
        found = super().finish(raw, noise)
        return found._replace(x=found.x * (1 - 0.1 * torch.arange(len(found.x))[:, None, None, None] / 100))


class NormalisesTheBatch(Grey):
    def batch(self, indices, noise):
        found = super().batch(indices, noise)
        return found._replace(x=found.x / found.x.max())


class OtherLabels(Grey):
    def class_labels(self):
        return torch.tensor([*range(self.size)]) % 3

    def batch(self, indices, noise):
        found = super().batch(indices, noise)
        return found._replace(extra={**found.extra, "label": (indices + 1) % 3})


class LabelsFromOne(Grey):
    def class_labels(self):
        return super().class_labels() - 1


class FewNames(Grey):
    def class_names(self):
        return ("a", "b")


class FloatMasks(Grey):
    def batch(self, indices, noise):
        found = super().batch(indices, noise)
        return found._replace(extra={**found.extra, "mask": found.extra["mask"].float()})


class NamesOfAll(Grey):
    def sample_names(self):
        return [f"{number}.png" for number in range(TOTAL)]


class NamesWithFolders(Grey):
    def sample_names(self):
        return [f"/data/{number}.png" for number in self.numbers]


class NamesFromAbove(Grey):
    def sample_names(self):
        return [f"a/../../{number}.png" for number in self.numbers]


class NamesOfADrive(Grey):
    def sample_names(self):
        return [f"C:{number}.png" for number in self.numbers]


class OneNameTwice(Grey):
    def sample_names(self):
        return ["1.png", *super().sample_names()[1:]]


class NamesOnTwoLines(Grey):
    def sample_names(self):
        return [f"{number}\n.png" for number in self.numbers]


class NamesAsNumbers(Grey):
    def sample_names(self):
        return [*self.numbers]


class GroupsOfAll(Patients):
    def sample_groups(self):
        return [f"patient {number // 2}" for number in range(TOTAL)]


class NoGroups(Patients):
    def sample_groups(self):
        return []


class GroupsAsNumbers(Patients):
    def sample_groups(self):
        return [number // 2 for number in self.numbers]


class ANumberOfGroups(Patients):
    has_groups: ClassVar[object] = 20


class HiddenGroups(Patients):
    has_groups: ClassVar[object] = False


class NegativeBox(Modes):
    half_width: ClassVar[object] = -3.0


class SmallBox(Modes):
    half_width: ClassVar[object] = 1.0


class CentresInSpace(Modes):
    centres: ClassVar[object] = torch.zeros(3, 3)


class CentresAsList(Modes):
    centres: ClassVar[object] = CENTRES.tolist()


class OneCentreMissing(Modes):
    centres: ClassVar[object] = CENTRES[:2]


class InventedCentre(Modes):
    """One mean too many: every sample is near one of them all the same."""

    centres: ClassVar[object] = torch.cat([CENTRES, torch.tensor([[3.0, 3.0]], dtype=torch.float64)])


class Variance(Modes):
    std: ClassVar[object] = STD**2


class WideModes(Modes):
    std: ClassVar[object] = 2 * STD


class OpensEarly(Grey):
    def __reduce__(self):
        raise TypeError("cannot pickle an open file")


class OtherFinish(Augmented):
    def batch(self, indices, noise):
        found = super().batch(indices, noise)
        return found._replace(x=found.x.flip(-1))


class Overlaps(Grey):
    numbers = property(lambda self: range(TRAINED) if self.split == "train" else range(TRAINED - 1, TOTAL))


class SameSplit(Grey):
    numbers = property(lambda self: range(TRAINED))


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (Missing, "facts"),
        (Empty, "facts"),
        (Bytes, "samples"),
        (Doubles, "samples"),
        (ChannelsLast, "samples"),
        (OneTooMany, "samples"),
        (GlobalNoise, "samples"),
        (NumpyNoise, "the same samples again"),
        (FirstRowsNoise, "each row by itself"),
        (NormalisesTheBatch, "each row by itself"),
        (OtherLabels, "labels, masks and names"),
        (LabelsFromOne, "labels, masks and names"),
        (FewNames, "labels, masks and names"),
        (FloatMasks, "labels, masks and names"),
        (NamesOfAll, "labels, masks and names"),
        (NamesWithFolders, "labels, masks and names"),
        (NamesFromAbove, "labels, masks and names"),
        (NamesOfADrive, "labels, masks and names"),
        (OneNameTwice, "labels, masks and names"),
        (NamesOnTwoLines, "labels, masks and names"),
        (NamesAsNumbers, "labels, masks and names"),
        (GroupsOfAll, "labels, masks and names"),
        (NoGroups, "labels, masks and names"),
        (GroupsAsNumbers, "labels, masks and names"),
        (ANumberOfGroups, "labels, masks and names"),
        (HiddenGroups, "labels, masks and names"),
        (NegativeBox, "box and modes"),
        (SmallBox, "box and modes"),
        (CentresInSpace, "box and modes"),
        (CentresAsList, "box and modes"),
        (OneCentreMissing, "box and modes"),
        (InventedCentre, "box and modes"),
        (Variance, "box and modes"),
        (WideModes, "box and modes"),
        (OpensEarly, "a copy in another process"),
        (OtherFinish, "two steps are one"),
        (Overlaps, "nothing held out is trained on"),
        (SameSplit, "nothing held out is trained on"),
    ],
)
def test_a_mutant_breaks_a_law(kind, law):
    with pytest.raises(AssertionError, match=f'{kind.__name__}.* breaks the law "{law}"'):
        assert_dataset_is_lawful(kind())


@dataclass(frozen=True)
class Stored:
    """Pictures that are views of one tensor."""

    split: str = "train"
    size: ClassVar[int] = 20
    shape: ClassVar[tuple[int, ...]] = (1, 4, 4)

    def unmet(self):
        return ()

    def held_out(self):
        return replace(self, split="test")

    def batch(self, indices, noise):
        half = STORED[:20] if self.split == "train" else STORED[20:40]
        return Samples(half[: len(indices)])


def test_a_batch_that_is_a_view_of_the_data_is_found():
    with pytest.raises(AssertionError, match='"the same samples again": training split: '):
        assert_dataset_is_lawful(Stored())


def test_the_splits_are_compared_at_their_ends():
    with pytest.raises(AssertionError, match="held-out sample 0 is training sample 39"):
        assert_dataset_is_lawful(Overlaps(), most=4)
