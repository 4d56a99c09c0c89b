"""Mixed precision: networks run in bf16 or fp16, losses in float32.

The forward of each child runs under autocast and its outputs are converted to float32, so losses need no code for
mixed precision. A loss that needs networks in float32 (a gradient penalty) uses ``with batch.full_precision():``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from accelerate.utils import convert_to_fp32
from torch import nn

from genkit.engine.switch import Switch


def set_float32_products(precision: str) -> None:
    """Let products and convolutions of float32 on a GPU be computed in TF32, or in float32 proper.

    torch's default differs: float32 for products, TF32 for convolutions. And the program around genkit may have set it.
    """
    tf32 = precision == "tf32"
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32


class MixedPrecision(Switch):
    """Runs the children of a model under autocast, except within `off()`."""

    def __init__(self, model: nn.Module, autocast: Callable[[], AbstractContextManager[None]]):
        super().__init__()
        self._autocast = autocast
        for child in model.children():
            child.forward = self._mixed(child.forward)

    def _mixed(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        def mixed(*args: Any, **kwargs: Any) -> Any:
            if not self.switched_on:
                return forward(*args, **kwargs)
            with self._autocast():
                outputs = forward(*args, **kwargs)
            return convert_to_fp32(outputs)

        return mixed
