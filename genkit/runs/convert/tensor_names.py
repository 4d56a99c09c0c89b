"""What the published IntroVAE networks call what `introvae-conv` has.

https://github.com/taldatech/soft-intro-vae-pytorch and https://github.com/LOUEY233/AS-IntroVAE share one network:

    module.                        taken off, wherever DataParallel has left it
    CHILD.main.res_in_SIZE.NAME    CHILD.main.res_N.NAME, N counting from 0: SIZE falls in the encoder, and rises in the
                                   decoder, which counts it from 4 whatever the size of its first map
    ... .conv_expand               ... .shortcut
    ... .bn1, ... .bn2             ... .norm1, ... .norm2

All other names are the same. A block has a `conv_expand` where the number of channels changes; where the code asked
`inc is not outc` and its channels were read from a command line, also between equal numbers above 256.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import count, pairwise, takewhile

from torch import Tensor

WITHIN_BLOCK = {"conv_expand": "shortcut", "bn1": "norm1", "bn2": "norm2"}
BLOCK = re.compile(r"(encoder|decoder)\.main\.res_in_(\d+)\.(\w+)\.(.+)")


def without_module(name: str) -> str:
    """Return a name without what DataParallel puts before or into it."""
    return ".".join(part for part in name.split(".") if part != "module")


def our_names(names: Iterable[str]) -> dict[str, str]:
    """Return what genkit calls each tensor, by its published name; a name that is unknown stays as it is."""
    plain = {name: without_module(name) for name in names}
    blocks = {found.groups() for name in plain.values() if (found := BLOCK.fullmatch(name))}
    numbers: dict[tuple[str, int], int] = {}
    for child, downwards in (("encoder", True), ("decoder", False)):
        sizes = sorted({int(size) for owner, size, _, _ in blocks if owner == child}, reverse=downwards)
        numbers |= {(child, size): number for number, size in enumerate(sizes)}

    def ours(name: str) -> str:
        if not (found := BLOCK.fullmatch(name)):
            return name
        child, size, layer, leaf = found.groups()
        return f"{child}.main.res_{numbers[child, int(size)]}.{WITHIN_BLOCK.get(layer, layer)}.{leaf}"

    return {published: ours(name) for published, name in plain.items()}


def describe(tensors: Mapping[str, Tensor]) -> str:
    """Return the keys of ``[model]`` that tensors, by our names, were made with, as far as they tell."""
    first, fc = tensors.get("encoder.main.0.weight"), tensors.get("encoder.fc.weight")
    blocks = list(takewhile(lambda n: f"encoder.main.res_{n}.conv1.weight" in tensors, count()))
    if first is None or fc is None or not blocks:
        return ""
    # The last block stays at its number of channels, and belongs to no entry.
    channels = [first.shape[0], *(tensors[f"encoder.main.res_{n}.conv1.weight"].shape[0] for n in blocks[:-1])]
    equal = [n for n, (a, b) in enumerate(pairwise(channels)) if a == b]
    shortcut = any(f"encoder.main.res_{n}.shortcut.weight" in tensors for n in equal)
    said = f"channels = {channels}, latent_dim = {fc.shape[0] // 2}" + ', shortcut = "also-above-256"' * shortcut
    return f" By its shapes it was made with {said}, for images of {first.shape[1]} channels."
