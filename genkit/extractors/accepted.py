"""Which samples an extractor of images can read."""

from __future__ import annotations


def check_image(shape: tuple[int, ...], channels: int, whose: str, remedy: str) -> None:
    """Raise `ValueError`, with the remedy, unless samples of this shape are images of as many channels."""
    kinds = {1: "grey images", 3: "colour images"}
    found = kinds.get(shape[0], f"images of {shape[0]} channels") if len(shape) == 3 else "no images"
    if found != kinds[channels]:
        raise ValueError(
            f"{whose} reads {kinds[channels]}, and samples of the shape {tuple(shape)} are {found}: {remedy}"
        )
