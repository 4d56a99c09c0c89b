"""What a data set may know about its samples: classes, masks, names, groups, a box and modes, beside its samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath

import torch
from torch import Tensor

from genkit.core.condition import LABEL
from genkit.core.dataset import MASK, Dataset, GroupedDataset, LabelledDataset, MaskedDataset, NamedDataset, Samples
from genkit.core.known_data import box_of_plane, modes_of
from genkit.testing.law import assert_same

IN_THE_BOX = 0.99  # of the samples: the mass outside the box is negligible
FEWEST = 20  # samples whose mean is compared with that of the mixture
ERRORS = 6.0  # standard errors by which it may differ


def check_extra(data: Dataset, samples: Samples, indices: Tensor) -> None:
    """Check classes, masks, names and groups against a batch of samples. Raises `AssertionError`."""
    if isinstance(data, LabelledDataset) and data.has_labels() is not False:
        _check_labels(data, samples, indices)
    if isinstance(data, MaskedDataset):
        mask = samples.extra.get(MASK)
        assert mask is not None, "it declares masks, but a batch has none"
        wanted = (len(samples.x), *samples.x.shape[-2:])
        assert mask.shape == wanted and mask.dtype == torch.bool, f"masks are {mask.dtype} {tuple(mask.shape)}"
    if isinstance(data, NamedDataset):
        _check_names(data.sample_names(), data.size)
    if isinstance(data, GroupedDataset):
        _check_groups(data, data.size)


def check_known(data: Dataset, x: Tensor) -> None:
    """Check the box and the modes that points in the plane have, on samples x, (B, D). Raises `AssertionError`.

    Of a mixture with means c, (M, D), and deviation σ, E min|x - c|² <= Dσ² and E|x|² = mean |c|² + Dσ².
    """
    x = x.double()
    if (half_width := box_of_plane(data)) is not None:
        inside = (x.abs().amax(dim=1) <= half_width).double().mean().item()
        assert inside >= IN_THE_BOX, f"half_width is {half_width:g}, but the box has only {inside:.1%} of the samples"
    if (modes := modes_of(data)) is None or len(x) < FEWEST:
        return
    centres, std = modes
    own = x.shape[1] * std**2
    nearest = torch.cdist(x, centres).square().amin(dim=1)
    assert nearest.mean() <= own + ERRORS * _error(nearest), (
        f"centres and std: samples are {nearest.mean().sqrt():.3g} from the nearest mean (root of the mean square), "
        f"expected at most {own**0.5:.3g}"
    )
    norm, expected = x.square().sum(dim=1), centres.square().sum(dim=1).mean() + own
    assert (norm.mean() - expected).abs() <= ERRORS * _error(norm), (
        f"centres and std: the mean of |x|² is {norm.mean():.3g}, that of the mixture {expected:.3g}"
    )


def _error(values: Tensor) -> Tensor:
    return values.std() / len(values) ** 0.5


def _check_labels(data: LabelledDataset, samples: Samples, indices: Tensor) -> None:
    labels, known, names = samples.extra.get(LABEL), data.class_labels(), data.class_names()
    assert labels is not None or known is None, 'class_labels returns labels, but a batch has no extra["label"]'
    if labels is None:
        return
    assert labels.dtype == torch.int64 and labels.dim() == 1, (
        f"labels of a batch are {labels.dtype} {tuple(labels.shape)}"
    )
    every = labels if known is None else known
    if known is not None:
        size = getattr(data, "size", None)
        assert known.dtype == torch.int64 and known.shape == (size,), (
            f"class_labels: {known.dtype} {tuple(known.shape)}"
        )
        assert_same(labels.cpu(), known[indices].cpu(), "labels of a batch beside class_labels")
    assert every.min() >= 0, f"a label is {every.min().item()}"
    classes = every.max().item() + 1
    assert not names or len(names) >= classes, f"there are {len(names)} names for at least {classes} classes"


def _check_names(names: Sequence[str], size: int | None) -> None:
    if len(names) == 0:
        return
    assert len(names) == size, f"there are {len(names)} names for {size} samples"
    for name in names:
        assert _is_text(name), f"the name {name!r} is no text that can be printed"
        assert _is_below(name), f"the name {name!r} leads out of the folder of an export: it is absolute, or has .."
    name, times = Counter(names).most_common(1)[0]
    assert times == 1, f"{times} samples have the name {name!r}"


def _check_groups(data: GroupedDataset, size: int | None) -> None:
    has, groups = data.has_groups, data.sample_groups()
    assert isinstance(has, bool), f"has_groups is {has!r}, expected True or False"
    if not has:
        assert len(groups) == 0, f"has_groups is False, but sample_groups returns {len(groups)} groups"
        return
    assert len(groups) == size, f"there are {len(groups)} groups for {size} samples: give one for each sample"
    wrong = next((group for group in groups if not _is_text(group)), None)
    assert wrong is None, f"the group {wrong!r} is no text that can be printed"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable()


def _is_below(name: str) -> bool:
    paths = (PurePosixPath(name), PureWindowsPath(name))
    return not any(path.is_absolute() or path.drive or ".." in path.parts for path in paths)
