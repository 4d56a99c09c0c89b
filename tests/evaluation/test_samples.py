"""Inputs of pictures: the codes and the held-out samples that every picture of a run shows."""

from contextlib import nullcontext
from dataclasses import dataclass, replace

import pytest
import torch
from support.tiny_parts import Blob, TinyAutoencoder

from genkit.core.dataset import Samples
from genkit.core.noise import Noise, Rows
from genkit.evaluation.samples import describe_samples, in_chunks, latent_codes, select_samples

NOISE = Noise(3, 0, "any", Rows.all(1))


@dataclass(frozen=True)
class Numbered:
    """Samples that are their number."""

    size: int | None = 40
    split: str = "test"
    shape = (2,)

    def batch(self, indices, noise):
        return Samples(indices[:, None].repeat(1, 2).float())


def model():
    return TinyAutoencoder(data_shape=(2,)).double()


def test_codes_depend_on_seed_and_step_and_not_on_who_asks():
    """Previews, figures and commands show the same codes, whatever their own source of randomness is."""
    codes = latent_codes(7, model(), NOISE)
    assert codes.shape == (7, 2) and codes.dtype is torch.float64
    assert torch.equal(latent_codes(7, model(), NOISE.of("another")), codes)
    assert torch.equal(latent_codes(7, model(), replace(NOISE, rows=Rows.all(64))), codes)
    for other in (replace(NOISE, seed=4), replace(NOISE, step=1)):
        assert not torch.equal(latent_codes(7, model(), other), codes)


@pytest.mark.parametrize(("count", "numbers"), [(4, [0, 10, 20, 30]), (3, [0, 13, 26]), (1, [0])])
def test_selected_samples_are_spread_over_the_split(count, numbers):
    x, indices, _ = select_samples(count, model(), Numbered(), NOISE)
    assert indices.tolist() == x[:, 0].tolist() == numbers and x.dtype is torch.float64


def test_a_small_split_is_shown_whole():
    assert select_samples(64, model(), Numbered(), NOISE).indices.tolist() == list(range(40))


def test_points_of_a_density_have_no_indices():
    x, indices, _ = select_samples(5, model(), Blob(), NOISE)
    assert indices is None and x.shape == (5, 2)
    assert torch.equal(select_samples(5, model(), Blob(), NOISE.of("another")).x, x)


def test_descriptions_name_the_split_and_agree_in_number():
    assert describe_samples(1, Numbered()) == "sample of the test split"
    assert describe_samples(3, Numbered(split="train")) == "samples of the train split"
    assert describe_samples(3, Blob()) == "fresh draws of the data"


@pytest.mark.parametrize(("shape", "rows"), [((1, 2, 2), 16), ((2,), 8192)])
def test_a_network_reads_a_few_rows_at_a_time(shape, rows):
    seen, x = [], torch.rand(2 * rows + 1, *shape)
    y = in_chunks(lambda chunk: (seen.append(len(chunk)), 2 * chunk)[1], x, shape)
    assert torch.equal(y, 2 * x) and seen == [rows, rows, 1]


def test_a_network_gives_the_shape_for_no_rows():
    seen = []
    y = in_chunks(
        lambda chunk: (seen.append(chunk.shape), chunk.new_zeros(len(chunk), 3))[1], torch.rand(0, 1, 2, 2), (1, 2, 2)
    )
    assert y.shape == (0, 3) and seen == [(0, 1, 2, 2)]
    rows = []
    in_chunks(lambda chunk: chunk, torch.rand(0, 2), (2,), lambda chosen: (rows.append(chosen), nullcontext())[1])
    assert rows == [slice(0, 0)]
