"""Names of the tensors in published IntroVAE checkpoints, and the names of the same tensors in `introvae-conv`.

https://github.com/taldatech/soft-intro-vae-pytorch and https://github.com/LOUEY233/AS-IntroVAE have the same network:

    module.                        removed; DataParallel inserts it
    CHILD.main.res_in_SIZE.NAME    CHILD.main.res_N.NAME, with N counted from 0: SIZE falls in the encoder and rises in
                                   the decoder, which counts it from 4, whatever the size of its first feature map
    ... .conv_expand               ... .shortcut
    ... .bn1, ... .bn2             ... .norm1, ... .norm2

All other names are the same. A block has a `conv_expand` if the number of channels changes. The published code tests
this with `inc is not outc`: equal numbers above 256 are changes, too, if they were read from a command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import count, pairwise, takewhile

from torch import Tensor

LAYERS = {"conv_expand": "shortcut", "bn1": "norm1", "bn2": "norm2"}  # of a block: published name, our name
BLOCK = re.compile(r"(encoder|decoder)\.main\.res_in_(\d+)\.(\w+)\.(.+)")


def without_module(name: str) -> str:
    """Return a name without the parts that DataParallel inserts."""
    return ".".join(part for part in name.split(".") if part != "module")


def our_names(names: Iterable[str]) -> dict[str, str]:
    """Return our name of each tensor, by its published name; unknown names stay as they are."""
    plain = {name: without_module(name) for name in names}
    numbers = _block_numbers(plain.values())

    def ours(name: str) -> str:
        if not (found := BLOCK.fullmatch(name)):
            return name
        child, size, layer, leaf = found.groups()
        return f"{child}.main.res_{numbers[child, int(size)]}.{LAYERS.get(layer, layer)}.{leaf}"

    return {published: ours(name) for published, name in plain.items()}


def describe_network(tensors: Mapping[str, Tensor]) -> str:
    """Return the keys of ``[model]`` that agree with the shapes of tensors, given by our names; empty if unknown."""
    first, fc = tensors.get("encoder.main.0.weight"), tensors.get("encoder.fc.weight")
    blocks = list(takewhile(lambda n: f"encoder.main.res_{n}.conv1.weight" in tensors, count()))
    if first is None or fc is None or not blocks:
        return ""
    # The last block does not change the number of channels and has no entry in `channels`.
    channels = [first.shape[0], *(tensors[f"encoder.main.res_{n}.conv1.weight"].shape[0] for n in blocks[:-1])]
    equal = [n for n, (a, b) in enumerate(pairwise(channels)) if a == b]
    shortcut = any(f"encoder.main.res_{n}.shortcut.weight" in tensors for n in equal)
    keys = f"channels = {channels}, latent_dim = {fc.shape[0] // 2}" + ', shortcut = "also-above-256"' * shortcut
    colours = first.shape[1]
    return f" The checkpoint has the shapes of {keys}, for images with {colours} channel{'s' * (colours != 1)}."


def _block_numbers(names: Iterable[str]) -> dict[tuple[str, int], int]:
    """Return the number of each block by child and size, for names without ``module``."""
    blocks = {found.groups() for name in names if (found := BLOCK.fullmatch(name))}
    numbers: dict[tuple[str, int], int] = {}
    for child, falling in (("encoder", True), ("decoder", False)):
        sizes = sorted({int(size) for owner, size, _, _ in blocks if owner == child}, reverse=falling)
        numbers |= {(child, size): number for number, size in enumerate(sizes)}
    return numbers
