"""Extractor of the Inception features that define the Fréchet Inception distance (FID).

Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a local Nash equilibrium",
https://arxiv.org/abs/1706.08500, section 3. The weights are those of TensorFlow's network of 2015-12-05, in the file
published by https://github.com/mseitzer/pytorch-fid. Images are resized as in pytorch-fid, so values are comparable
with those of pytorch-fid. TensorFlow's original code places pixel centres differently.

genkit does not download the file: users download it once, and it is used only if its SHA-256 is the published one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import file_digest
from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from genkit.api import Doc, UsageError, describe_os_error, open_regular, require_image, user_path
from genkit.parts.extractors.inception_network import INCEPTION_FEATURES, INCEPTION_SIZE, InceptionNetwork

FILE = "pt_inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
UNUSED = "fc."  # prefix of the weights of the classifier


@dataclass(frozen=True)
class Inception:
    """Extractor of 2,048 features of images: the last pool of the Inception network that defines FID."""

    path: Annotated[
        Path, Doc("Path of the file pt_inception-2015-12-05-6726825d.pth from the releases of pytorch-fid.")
    ]

    @property
    def name(self) -> str:
        """The name of the features, with the date of the network."""
        return "inception-2015-12-05"

    @property
    def digest(self) -> str:
        """The SHA-256 of the published file."""
        return SHA256

    @property
    def file(self) -> Path:
        """The absolute path of the file."""
        return user_path(self.path).absolute()

    def unmet(self) -> tuple[str, ...]:
        """Return the problem with the file, if it is missing or not the published one, and where to download it."""
        return () if self.problem is None else (self.problem,)

    @cached_property
    def problem(self) -> str | None:
        """The problem with the file and how to fix it; None if it is the published one. The file is read once."""
        remedy = f"Download {FILE} from https://github.com/mseitzer/pytorch-fid/releases and set path to it."
        try:
            with open_regular(self.file) as content:
                found = file_digest(content, "sha256").hexdigest()
        except FileNotFoundError:
            return f"path: {self.file}: not found. {remedy}"
        except OSError as error:
            return f"path: {self.file}: cannot be read: {describe_os_error(error, self.file)}. {remedy}"
        if found == SHA256:
            return None
        return (
            f"path: {self.file}: not the published file of Inception weights (SHA-256 {found[:8]}..., expected "
            f"{SHA256[:8]}...). {remedy}"
        )

    def resize(self, shape: tuple[int, ...]) -> str:
        """Return how images are resized to 299 x 299. The same formula leaves images of this size unchanged."""
        grey = ", grey as three equal channels" if shape[0] == 1 else ""
        return f"bilinear, without antialiasing, to {INCEPTION_SIZE} x {INCEPTION_SIZE}{grey}"

    def width(self, shape: tuple[int, ...]) -> int:
        """Return 2,048. Raises `ValueError` unless samples of this shape are grey or colour images."""
        require_image(shape, (1, 3), 'extractor "inception"', 'Choose another extractor, for example "pixels"')
        return INCEPTION_FEATURES

    def __call__(self, x: Tensor, /) -> Tensor:
        """Return the features of images x, (B, 1 or 3, H, W) in [0, 1], as (B, 2048).

        Raises `UsageError` unless the file is the published one.
        """
        with torch.no_grad():
            x = x.expand(-1, 3, -1, -1)
            x = F.interpolate(x, (INCEPTION_SIZE, INCEPTION_SIZE), mode="bilinear", align_corners=False)
            return self.network.to(x.device)(2 * x - 1)

    @cached_property
    def network(self) -> InceptionNetwork:
        """The network in evaluation mode. Raises `UsageError` unless the file is the published one."""
        if self.problem is not None:
            raise UsageError(self.problem)
        entries = torch.load(self.file, map_location="cpu", weights_only=True)
        network = InceptionNetwork()
        counters = {name: value for name, value in network.state_dict().items() if name.endswith("num_batches_tracked")}
        network.load_state_dict(
            counters | {name: tensor for name, tensor in entries.items() if not name.startswith(UNUSED)}
        )
        return network.eval().requires_grad_(False)
