"""Messages between processes in which objects that all of them have are names.

A network is sent as its name, so that the function ``model.reconstruct`` is a message of a few bytes and runs on the
weights of the receiver. A tensor of a GPU arrives on the device of the receiver. An object is sent without its cached
properties, and the receiver makes each such object once: the network of an extractor is loaded once on each process.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

UNSENDABLE = (pickle.PicklingError, AttributeError, TypeError)


class ByName:
    """Writes and reads messages. `objects` are those that every process has, under the same names."""

    def __init__(self, objects: Mapping[str, object], device: torch.device):
        self._objects, self._device = dict(objects), device
        for name, value in objects.items():
            if isinstance(value, nn.Module):
                self._objects |= {f"{name}.{path}": child for path, child in value.named_modules() if path}
        self._names = {id(value): name for name, value in reversed(self._objects.items())}
        self._made: dict[tuple[type, bytes], Any] = {}

    def write(self, value: object) -> bytes:
        """Return a message. Raises what `pickle` raises, one of `UNSENDABLE`, if `value` cannot be sent."""
        file = io.BytesIO()
        _Writer(file, self._reference).dump(value)
        return file.getvalue()

    def read(self, message: bytes) -> Any:
        """Return the value of a message of another process of this run."""
        return _Reader(io.BytesIO(message), self._resolve).load()

    def _reference(self, value: object) -> tuple[Any, ...] | None:
        """Return what is sent in place of `value`; None: its pickle."""
        if (name := self._names.get(id(value))) is not None:
            return "object", name
        if isinstance(value, nn.Module):
            raise pickle.PicklingError("only a network that all processes have can be sent")
        if isinstance(value, Tensor):
            return "tensor", *_plain(value.detach()), value.device.type != "cpu"
        cached = _cached_properties(type(value)) if is_dataclass(value) else ()
        if cached:
            return "made", type(value), self.write({k: kept for k, kept in vars(value).items() if k not in cached})
        return None

    def _resolve(self, reference: tuple[Any, ...]) -> Any:
        match reference:
            case "object", name:
                return self._objects[name]
            case "tensor", dtype, shape, strides, content, on_device:
                numbers = torch.empty(content.nbytes // dtype.itemsize, dtype=dtype)
                numbers.view(torch.uint8).copy_(torch.from_numpy(content))
                return (numbers.to(self._device) if on_device else numbers).as_strided(shape, strides)
            case _, kind, fields:
                if (kind, fields) not in self._made:
                    self._made[kind, fields] = made = object.__new__(kind)
                    for key, value in self.read(fields).items():
                        object.__setattr__(made, key, value)
                return self._made[kind, fields]


class _Writer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, reference: Callable[[object], Any]):
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._reference = reference

    def persistent_id(self, value: object) -> Any:
        return self._reference(value)


class _Reader(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, resolve: Callable[[Any], Any]):
        super().__init__(file)
        self._resolve = resolve

    def persistent_load(self, reference: Any) -> Any:
        return self._resolve(reference)


def _plain(x: Tensor) -> tuple[torch.dtype, tuple[int, ...], tuple[int, ...], np.ndarray]:
    """Return dtype, shape, strides and the bytes between the first and the last element.

    The strides are kept, because a sum over another layout adds in another order, and differs in its last digits.
    """
    shape, strides = tuple(x.shape), tuple(x.stride())
    reach = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True)) if x.numel() else 0
    numbers = x.as_strided((reach,), (1,)).cpu()
    return x.dtype, shape, strides, numbers.view(torch.uint8).numpy()


def _cached_properties(kind: type) -> set[str]:
    return {name for base in kind.__mro__ for name, value in vars(base).items() if isinstance(value, cached_property)}
