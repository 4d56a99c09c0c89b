"""Check that samples are images with the right number of channels."""

from __future__ import annotations

KINDS = {1: "grey images", 3: "colour images"}


def require_image(shape: tuple[int, ...], channels: tuple[int, ...], reader: str, remedy: str) -> None:
    """Raise `ValueError` unless samples of this shape are images with one of these numbers of channels.

    The message names the `reader` of the images and ends with the `remedy`.
    """
    if len(shape) == 3 and shape[0] in channels:
        return
    found = KINDS.get(shape[0], f"images of {shape[0]} channels") if len(shape) == 3 else "not images"
    expected = " or ".join(KINDS[number] for number in channels)
    raise ValueError(f"{reader} needs {expected}, but samples of shape {tuple(shape)} are {found}. {remedy}")
