"""The four normalisation layers, and the batch norm over several processes."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from safetensors.torch import load_file
from support.commands import on_processes
from torch import nn

from genkit.core.layers.norm import GROUP, Norm, SyncBatchNorm, norm_layer

NORMS = get_args(Norm)


def maps(channels: int = 16) -> torch.Tensor:
    return 3 + 2 * torch.randn(5, channels, 4, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("norm", NORMS)
def test_every_norm_keeps_the_shape(norm: Norm) -> None:
    assert norm_layer(norm, 16)(maps()).shape == maps().shape


@pytest.mark.parametrize("norm", ["batch", "sync-batch"])
def test_after_a_batch_norm_each_channel_has_mean_0_and_variance_1(norm: Norm) -> None:
    y = norm_layer(norm, 16)(maps())
    torch.testing.assert_close(y.mean(dim=(0, 2, 3)), torch.zeros(16), rtol=0, atol=1e-5)
    torch.testing.assert_close(y.var(dim=(0, 2, 3), correction=0), torch.ones(16), rtol=0, atol=1e-4)


def test_after_a_group_norm_each_group_of_eight_channels_of_a_sample_has_mean_0_and_variance_1() -> None:
    groups = norm_layer("group", 16)(maps()).unflatten(1, (2, GROUP)).flatten(2)
    torch.testing.assert_close(groups.mean(dim=2), torch.zeros(5, 2), rtol=0, atol=1e-5)
    torch.testing.assert_close(groups.var(dim=2, correction=0), torch.ones(5, 2), rtol=0, atol=1e-4)


def test_channels_not_divisible_by_eight_form_one_group() -> None:
    assert norm_layer("group", 12).num_groups == 1


def test_the_norm_none_is_the_identity() -> None:
    assert torch.equal(norm_layer("none", 16)(maps()), maps())
    assert not list(norm_layer("none", 16).parameters())


@pytest.mark.parametrize("training", [True, False])
def test_on_one_process_sync_batch_norm_equals_batch_norm_of_torch(training: bool) -> None:
    ours, theirs = SyncBatchNorm(16).train(training), nn.BatchNorm2d(16).train(training)
    assert torch.equal(ours(maps()), theirs(maps()))
    assert torch.equal(ours.running_var, theirs.running_var)


def test_the_weights_of_the_two_batch_norms_are_interchangeable() -> None:
    ours, theirs = norm_layer("sync-batch", 16), norm_layer("batch", 16)
    theirs(maps())
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    assert torch.equal(ours.eval()(maps()), theirs.eval()(maps()))


@pytest.mark.parametrize("norm", NORMS)
def test_every_norm_works_on_the_meta_device(norm: Norm) -> None:
    with torch.device("meta"):
        assert norm_layer(norm, 16)(torch.empty(5, 16, 4, 6)).shape == (5, 16, 4, 6)


@pytest.mark.trains
def test_two_processes_normalise_like_one_process_with_the_whole_batch(tmp_path) -> None:
    on_processes(2, "norm_worker.py", tmp_path / "differences")
    for rank in (0, 1):
        differences = load_file(tmp_path / f"differences-{rank}")
        assert differences.keys() >= {"y", "x", "weight", "bias", "evaluated", "running_mean", "running_var"}
        assert max(difference.item() for difference in differences.values()) <= 1e-12
