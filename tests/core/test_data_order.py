"""Order of the training data: a pure function of seed and step."""

import pytest
import torch

from genkit.core import data_order
from genkit.core.data_order import indices_of_step


def epoch_of(epoch, size=23, batch_size=5, seed=0):
    steps = size // batch_size
    return torch.cat([indices_of_step(seed, epoch * steps + k, batch_size, size) for k in range(steps)]).tolist()


def test_an_epoch_reads_each_sample_at_most_once_and_drops_the_incomplete_batch():
    read = epoch_of(0)
    assert len(read) == 20 == len(set(read)) and set(read) <= set(range(23))


def test_an_epoch_of_complete_batches_reads_every_sample():
    assert sorted(epoch_of(4, size=20)) == list(range(20))


def test_the_order_depends_on_epoch_and_seed():
    assert epoch_of(0) != epoch_of(1) and epoch_of(0) != epoch_of(0, seed=1)


def test_a_resumed_run_reads_the_same_samples():
    whole = [indices_of_step(7, step, 5, 23).tolist() for step in range(12)]
    data_order._permutation.cache_clear()  # as in a new process
    assert [indices_of_step(7, step, 5, 23).tolist() for step in range(6, 12)] == whole[6:]


def test_writing_into_a_batch_of_indices_does_not_change_the_order():
    first = indices_of_step(0, 0, 5, 23)
    before = first.clone()
    first.zero_()
    assert torch.equal(indices_of_step(0, 0, 5, 23), before)


def test_the_indices_of_a_density_count_up():
    assert indices_of_step(0, 3, 4, None).tolist() == [12, 13, 14, 15]


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ValueError, match=r"batch_size = 24\b.*\b23 samples"):
        indices_of_step(0, 0, 24, 23)


def test_the_order_is_that_of_earlier_versions():
    """A run that is resumed by another version must go on with the samples that it has not seen."""
    assert indices_of_step(0, 0, 6, 50_000).tolist() == [23674, 44144, 32330, 30205, 47314, 44687]
    assert indices_of_step(7, 9_000, 6, 50_000).tolist() == [11016, 4407, 46005, 7140, 23177, 15398]


def test_a_batch_of_all_samples_is_one_epoch():
    assert sorted(indices_of_step(0, 3, 24, 24).tolist()) == list(range(24))
