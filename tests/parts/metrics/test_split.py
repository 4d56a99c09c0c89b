"""How many samples of which split a metric reads if the recipe does not say."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from support.messages import assert_names
from support.tiny_parts import TinyAutoencoder

from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.metrics.posterior import ActiveUnits, PosteriorKL
from genkit.parts.metrics.reconstruction import ReconstructionErrorMetric


@dataclass(frozen=True)
class Points:
    """Points with more training than held-out samples."""

    sizes: tuple[int, int]
    split: str = "train"
    missing: bool = False
    shape = (2,)

    @property
    def size(self) -> int:
        assert not self.missing, "the size of missing data is not known"
        return self.sizes[self.split == "test"]

    def unmet(self) -> tuple[str, ...]:
        return ("not found",) if self.missing else ()

    def held_out(self) -> Points:
        return replace(self, split="test")


def read(metric, data) -> tuple[str, int]:
    protocol = metric.protocol(data, TinyAutoencoder(data_shape=(2,)))
    return protocol.split, protocol.samples


@pytest.mark.parametrize(
    ("kind", "most"), [(ReconstructionErrorMetric, 1_000), (ActiveUnits, 5_000), (PosteriorKL, 5_000)]
)
def test_a_mean_over_samples_reads_a_small_split_whole_and_the_most_of_a_large_one(kind, most):
    data = Points((10_000, most + 1))
    assert read(kind(), data) == ("test", most)
    assert read(kind(split="train"), data) == ("train", most)
    assert read(kind(), Points((10_000, most))) == ("test", most)
    assert read(kind(), Points((10_000, most - 1))) == ("test", most - 1)
    assert read(kind(samples=most + 1), data) == ("test", most + 1)
    assert read(kind(), EightGaussians()) == ("drawn", most)
    assert read(kind(), Points((0, 0), missing=True)) == ("test", most)


@pytest.mark.parametrize("kind", [ReconstructionErrorMetric, ActiveUnits, PosteriorKL])
def test_more_samples_than_the_split_has_are_refused(kind):
    with pytest.raises(ValueError) as refused:
        read(kind(samples=41), Points((100, 40)))
    assert_names(refused.value, "samples = 41", "40 samples of the test split", "Set samples = 40")
    assert read(kind(samples=40), Points((100, 40))) == ("test", 40)
