"""Laws of extractors of features."""

from __future__ import annotations

import torch
from torch import Tensor

from genkit.core.metric import Extractor


def assert_features_are_lawful(extractor: Extractor, x: Tensor, *others: Extractor) -> None:
    """Assert what metrics assume of an extractor, on samples x, (B, *shape), B >= 2.

    - `unmet` is empty, `name` and `resize` are printable, `digest` is a SHA-256 or empty.
    - Features have the shape (B, F) with F = `width`, are finite, and carry no gradient.
    - A second call returns the same features, and x is unchanged.
    - The features of a sample do not depend on the other samples of the batch.
    - Each of `others`, the same extractor with other settings, differs in `name`, `digest` or `resize` if it makes
      different features. Tables rely on it to keep numbers from different features apart.
    """
    shape, before = tuple(x.shape[1:]), x.clone()
    assert not extractor.unmet(), f"unmet: {extractor.unmet()}"
    assert extractor.name and extractor.name.isprintable(), f"name: {extractor.name!r} is empty or not printable"
    assert not extractor.digest or (len(extractor.digest) == 64 and int(extractor.digest, 16)), (
        f"digest: {extractor.digest!r} is not a SHA-256 in hexadecimal digits"
    )
    assert extractor.resize(shape).isprintable(), f"resize: {extractor.resize(shape)!r} is not printable"

    features, width = extractor(x), extractor.width(shape)
    assert features.shape == (len(x), width), (
        f"width: states {width} features a sample, but the features have the shape {tuple(features.shape)}"
    )
    assert features.isfinite().all(), "features: not finite"
    assert not features.requires_grad, "features: carry a gradient; compute them under torch.no_grad()"
    torch.testing.assert_close(extractor(x), features, rtol=0, atol=0)
    torch.testing.assert_close(x, before, rtol=0, atol=0)
    alone = torch.cat([extractor(row) for row in x.flip(0).split(1)]).flip(0)
    torch.testing.assert_close(alone, features, rtol=1e-4, atol=1e-4 * features.abs().max().item())
    for other in others:
        if other.width(shape) != width or not torch.equal(other(x), features):
            label, other_label = ((each.name, each.digest, each.resize(shape)) for each in (extractor, other))
            assert label != other_label, (
                f"{other!r} makes other features than {extractor!r}, but both have name, digest and resize {label}"
            )
