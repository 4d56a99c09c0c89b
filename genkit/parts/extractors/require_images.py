"""Which samples an extractor of images can read."""

from __future__ import annotations

KINDS = {1: "grey images", 3: "colour images"}


def require_image(shape: tuple[int, ...], channels: tuple[int, ...], whose: str, remedy: str) -> None:
    """Raise `ValueError`, with the remedy, unless samples of this shape are images of such a number of channels."""
    if len(shape) == 3 and shape[0] in channels:
        return
    found = KINDS.get(shape[0], f"images of {shape[0]} channels") if len(shape) == 3 else "no images"
    expected = " and ".join(KINDS[number] for number in channels)
    raise ValueError(f"{whose} reads {expected}, and samples of the shape {tuple(shape)} are {found}: {remedy}")
