"""The features that the Fréchet Inception distance is made of, and the only ones whose distance is called FID.

Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a local Nash equilibrium",
https://arxiv.org/abs/1706.08500, section 3. The weights are those of TensorFlow's network of 2015-12-05, in the file
that https://github.com/mseitzer/pytorch-fid publishes. Images are resized as that program does it, which differs from
TensorFlow's first code in the place of the pixels' centres, so numbers compare with numbers of that program.

genkit downloads nothing: the file is to be had by hand, once, and is read only if its SHA-256 is the published one.
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

from genkit.core.field_types import Doc
from genkit.errors import UsageError
from genkit.parts.extractors.inception_network import FEATURES, SIDE, InceptionNetwork
from genkit.parts.extractors.require_images import require_image
from genkit.storage.os_errors import describe_os_error

FILE = "pt_inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
UNUSED = "fc."  # the classifier


@dataclass(frozen=True)
class Inception:
    """2,048 features of images: the last pool of the Inception network that FID is defined by."""

    path: Annotated[Path, Doc("the file pt_inception-2015-12-05-6726825d.pth, as the project pytorch-fid publishes it")]

    @property
    def name(self) -> str:
        """What these features are called, with the date of the network."""
        return "inception-2015-12-05"

    @property
    def digest(self) -> str:
        """The SHA-256 of the published file."""
        return SHA256

    @property
    def file(self) -> Path:
        """The file that `path` names."""
        return self.path.expanduser().absolute()

    def unmet(self) -> tuple[str, ...]:
        """Tell where the weights are absent, or are others, and where they are to be had."""
        return () if self.problem is None else (self.problem,)

    @cached_property
    def problem(self) -> str | None:
        """What is wrong with the file, with the remedy; None for the published one. Reads all of it, once."""
        remedy = f"Get {FILE} from the releases of the project mseitzer/pytorch-fid, and give its path."
        try:
            with self.file.open("rb") as content:
                found = file_digest(content, "sha256").hexdigest()
        except FileNotFoundError:
            return f"path: the file {self.file} is not there. {remedy}"
        except OSError as error:
            return f"path: {self.file} cannot be read: {describe_os_error(error, self.file)}. {remedy}"
        if found == SHA256:
            return None
        return (
            f"path: {self.file} does not hold the published Inception weights, or was changed: its SHA-256 is "
            f"{found[:8]}..., expected {SHA256[:8]}.... {remedy}"
        )

    def resize(self, shape: tuple[int, ...]) -> str:
        """Say how images come to 299 x 299; those that are so already pass through the same formula unchanged."""
        grey = ", grey as three equal channels" if shape[0] == 1 else ""
        return f"bilinear, without antialiasing, to {SIDE} x {SIDE}{grey}"

    def width(self, shape: tuple[int, ...]) -> int:
        """Return 2,048. Raises `ValueError` unless samples of this shape are images, grey or in colour."""
        require_image(shape, (1, 3), '"inception"', 'choose features of such samples, "pixels" for example')
        return FEATURES

    def __call__(self, x: Tensor, /) -> Tensor:
        """Return the features of images x, (B, 1 or 3, H, W) in [0, 1], as (B, 2048). Raises `UsageError`."""
        with torch.no_grad():
            x = x.expand(-1, 3, -1, -1)
            x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False)
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
