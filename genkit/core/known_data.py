"""What a data set may know about its samples, which some metrics and pictures need. All of it is optional.

A data set needs no base class for these: its attributes decide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from genkit.core.dataset import Dataset, LabelledDataset

if TYPE_CHECKING:
    from torch import Tensor


@runtime_checkable
class BoxedDataset(Protocol):
    """A data set of points, (D,), that knows a box around nearly all of them: histograms count in it."""

    @property
    def half_width(self) -> float:
        """Half the side w of the box [-w, w]^D, positive and finite; the mass outside it is negligible."""
        ...


@runtime_checkable
class MultimodalDataset(Protocol):
    """A data set of points, (D,), that is a mixture of equally weighted isotropic Gaussians."""

    @property
    def centres(self) -> Tensor:
        """The mean of each Gaussian, (M, D) float64 on the CPU."""
        ...

    @property
    def std(self) -> float:
        """The standard deviation of each Gaussian in every direction, positive."""
        ...


@runtime_checkable
class DigitsDataset(Protocol):
    """A data set of images whose label may be the handwritten digit that an image shows, 0 to 9."""

    @property
    def labels_are_digits(self) -> bool:
        """Whether label k is the digit k."""
        ...


@runtime_checkable
class AlteredDataset(Protocol):
    """A data set that alters the samples of another one, and may leave some of them as they are."""

    @property
    def unaltered(self) -> Dataset | None:
        """The data set, in the same split, of which some samples are also in this one; None if all are altered."""
        ...


@runtime_checkable
class PlaceholderDataset(Protocol):
    """A data set that replaces another one to try a recipe, so numbers about what its samples show mean nothing."""

    @property
    def is_placeholder(self) -> Literal[True]:
        """True; other data sets do not have this property."""
        ...


def known_labels(data: Dataset) -> Sequence[int]:
    """Return the labels that a data set has, as far as it knows them without reading; empty if it does not."""
    if isinstance(data, PlaceholderDataset):
        return ()
    chosen = getattr(data, "classes", None)
    if isinstance(chosen, tuple) and chosen and all(isinstance(label, int) for label in chosen):
        return sorted(chosen)
    if isinstance(data, DigitsDataset) and data.labels_are_digits:
        return range(10)
    return range(len(data.class_names())) if isinstance(data, LabelledDataset) else ()


def box_of_plane(data: Dataset) -> float | None:
    """Return w of the box [-w, w]² of points in the plane; None for other data.

    Raises `ValueError` for a half width that is not a positive number.
    """
    if not isinstance(data, BoxedDataset) or tuple(data.shape) != (2,):
        return None
    half_width = data.half_width
    if not isinstance(half_width, Real) or not 0 < half_width < math.inf:
        raise ValueError(f"half_width of {type(data).__name__} is {half_width!r}; return a positive number")
    return float(half_width)


def modes_of(data: Dataset) -> tuple[Tensor, float] | None:
    """Return the means, (M, D) float64 on the CPU, and the standard deviation of a mixture; None for other data.

    Raises `ValueError` for means of another shape, and unless both are finite and the deviation is positive.
    """
    if not isinstance(data, MultimodalDataset):
        return None
    centres, std = data.centres.detach().cpu().double(), data.std
    if centres.dim() != 2 or len(centres) == 0 or centres.shape[1:] != tuple(data.shape):
        raise ValueError(
            f"centres of {type(data).__name__} have the shape {tuple(centres.shape)}; return (M, D) for samples of "
            f"the shape {tuple(data.shape)}"
        )
    if not centres.isfinite().all() or not isinstance(std, Real) or not 0 < std < math.inf:
        raise ValueError(f"centres and std of {type(data).__name__}: return finite numbers, and a positive std")
    return centres, float(std)
