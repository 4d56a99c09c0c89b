"""The processes that train together, on top of HF Accelerate.

Networks stay plain modules. After each backward the gradients of the phase are averaged by one flat all-reduce: this
is exact for any number of forwards, for graphs shared between phases and for `backward(inputs=...)`, which
DistributedDataParallel's hooks do not allow, and as fast (docs/engine.md).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import InitProcessGroupKwargs, broadcast_object_list
from torch import Tensor
from torch.nn import Parameter

from genkit.engine.malloc import keep_freed_memory
from genkit.errors import GenkitError, UsageError

Result = TypeVar("Result")

ACCELERATE_PRECISION = {"fp32": "no", "fp64": "no", "bf16": "bf16", "fp16": "fp16"}

# How long a process waits for the others: the main one may evaluate for hours. A process that dies is noticed at once,
# by its connections and by the launcher.
PATIENCE = timedelta(days=7)

REMEDY = "Start several processes with `genkit run RECIPE --processes N`."


class World:
    """This process among `size`, its `rank`, its device, and what the processes do together."""

    def __init__(self, precision: str = "fp32"):
        """Join the world that the launcher announced. Raises `UsageError` if it did not form."""
        keep_freed_memory()
        AcceleratorState._reset_state()  # a process may train one recipe after another, in another precision
        announced = int(os.environ.get("WORLD_SIZE", "1"))
        try:
            # Without an accelerator only `cpu=True` makes several processes one world.
            self.accelerator = Accelerator(
                cpu=not torch.accelerator.is_available(),
                mixed_precision=ACCELERATE_PRECISION[precision],
                kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
            )
        except (ValueError, RuntimeError) as error:
            AcceleratorState._reset_state(True)
            raise UsageError(f"a world of {announced} processes did not form: {error}. {REMEDY}") from error
        self.rank: int = self.accelerator.process_index
        self.size: int = self.accelerator.num_processes
        self.device: torch.device = self.accelerator.device
        self.dtype = torch.float64 if precision == "fp64" else torch.float32
        if announced != self.size:
            raise UsageError(
                f"the launcher announced {announced} processes, but they formed a world of {self.size}: each would "
                f"train alone and write the same run. {REMEDY}"
            )

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    @property
    def scaler(self) -> torch.amp.GradScaler | None:
        """The gradient scaler of fp16, or None."""
        return self.accelerator.scaler

    def autocast(self) -> AbstractContextManager[None]:
        """Return the context in which the networks run."""
        return self.accelerator.autocast()

    def backward(self, total: Tensor, inputs: Sequence[Parameter], retain_graph: bool) -> None:
        """Add the gradient of `total`, (), to `inputs` and to nothing else."""
        self.accelerator.backward(total, inputs=list(inputs), retain_graph=retain_graph)

    def gather(self, x: Tensor) -> Tensor:
        """Return the rows of all processes, (B, ...) -> (n·B, ...), with gradient."""
        return x if self.size == 1 else _Gather.apply(x, self.rank, self.size)

    def average_gradients(self, parameters: Sequence[Parameter]) -> None:
        """Replace every gradient by its mean over the processes; a missing one counts as zero."""
        if self.size == 1:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        pieces = flat.split([gradient.numel() for gradient in gradients])
        for parameter, gradient, piece in zip(parameters, gradients, pieces, strict=True):
            parameter.grad = gradient.copy_(piece.view_as(gradient))

    def mean(self, x: Tensor) -> Tensor:
        """Return the mean of `x` over the processes."""
        if self.size == 1:
            return x
        x = x.clone()
        dist.all_reduce(x)
        return x / self.size

    def any(self, flag: bool) -> bool:
        """Tell whether the flag is set on any process."""
        if self.size == 1:
            return flag
        flags = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(flags)
        return bool(flags.item())

    def share_weights(self, module: torch.nn.Module) -> None:
        """Give every process the parameters and buffers of the main one."""
        if self.size > 1:
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, src=0)

    def on_main(self, do: Callable[[], Result]) -> Result:
        """Do something on the main process, and return its result, or raise its `GenkitError`, on all of them."""
        if self.size == 1:
            return do()
        outcome: list[Any] = [None, None]
        if self.is_main:
            try:
                outcome[0] = do()
            except GenkitError as error:
                outcome[1] = error
        broadcast_object_list(outcome)
        if outcome[1] is not None:
            raise outcome[1]
        return outcome[0]

    def on_all(self, do: Callable[[], Result]) -> Result:
        """Do something on each process, and return its own result, or raise the `GenkitError` of any on all of them."""
        if self.size == 1:
            return do()
        error: GenkitError | None = None
        try:
            result = do()
        except GenkitError as raised:
            error = raised
        if self.any(error is not None):  # one that went on alone would wait for the others
            errors: list[GenkitError | None] = [None] * self.size
            dist.all_gather_object(errors, error)
            raise next(each for each in errors if each is not None)
        return result

    def close(self) -> None:
        """Leave together: without this, processes that end early abort the others."""
        self.accelerator.wait_for_everyone()
        self.accelerator.end_training()


class _Gather(torch.autograd.Function):
    """All-gather whose gradient sums what every process asks of these rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rank: int, size: int) -> Tensor:
        ctx.rank, ctx.rows = rank, len(x)
        gathered = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(size)]
        dist.all_gather(gathered, x.contiguous())
        return torch.cat(gathered)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        gradient = gradient.contiguous().clone()
        dist.all_reduce(gradient)
        return gradient[ctx.rank * ctx.rows : (ctx.rank + 1) * ctx.rows], None, None
