"""Operations of torch as it runs them, such as ``aten.mm``: each with its arguments and its result.

torch documents `TorchDispatchMode` ("Extending PyTorch"), but has it under a private path only. No other module here
imports it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch.fx.operator_schemas import normalize_function
from torch.utils._python_dispatch import TorchDispatchMode


class OperationWatch(TorchDispatchMode, ABC):
    """Context that calls `seen` after each operation in it."""

    @abstractmethod
    def seen(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        """Called with an operation (a `torch._ops.OpOverload`), the arguments that it was given, and its result."""

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = operation(*args, **(kwargs or {}))
        self.seen(operation, args, kwargs or {}, out)
        return out


def draws_globally(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether an operation draws random numbers from the global generator: it is given no generator."""
    if torch.Tag.nondeterministic_seeded not in operation.tags:
        return False
    named = normalize_function(operation, args, kwargs, normalize_to_only_use_kwargs=True)
    given = named.kwargs if named else kwargs
    in_training = all(given.get(name) is not False for name in ("train", "training"))
    drops = all(given.get(name) != 0 for name in ("dropout", "dropout_p"))  # attention and recurrent layers draw for it
    return given.get("generator") is None and in_training and drops
