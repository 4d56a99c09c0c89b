"""The processes that train together, on top of HF Accelerate.

Networks are plain modules, without DistributedDataParallel. After each backward one flat all-reduce averages the
gradients of the phase. This is exact for any number of forwards, for graphs shared between phases and for
`backward(inputs=...)`, which DistributedDataParallel does not allow, and equally fast (docs/engine.md).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from accelerate.utils import GradientAccumulationPlugin, InitProcessGroupKwargs, broadcast_object_list, str_to_bool
from torch import Tensor
from torch.nn import Parameter

from genkit.engine.malloc import keep_freed_memory
from genkit.engine.precision import set_float32_products
from genkit.errors import GenkitError, ProcessLost, UsageError
from genkit.launched import announced_size, check_announced

Result = TypeVar("Result")

ACCELERATE_PRECISION = {"fp32": "no", "tf32": "no", "fp64": "no", "bf16": "bf16", "fp16": "fp16"}

# How long a process waits for the others: the main process may evaluate for hours. A crash is noticed at once anyway,
# through the closed connections and by the launcher.
PATIENCE = timedelta(days=7)

# What Accelerate shares among all Accelerators of a process.
ACCELERATE_STATES = (PartialState, AcceleratorState, GradientState)

REMEDY = "Start several processes with `genkit run RECIPE --processes N`."


class World:
    """The group of `size` processes, this process's `rank` and device, and the collective operations."""

    def __init__(self, precision: str = "fp32"):
        """Join the processes that the launcher started. Raises `UsageError` if they cannot form a group."""
        keep_freed_memory()
        set_float32_products(precision)
        self._host = [(kind, dict(kind._shared_state)) for kind in ACCELERATE_STATES]
        self._joined_before = dist.is_available() and dist.is_initialized()  # by the host program
        AcceleratorState._reset_state()  # one process may train several recipes, in different precisions
        announced = announced_size()
        check_announced()
        _refuse_other_engines()
        # Without an accelerator, several processes form a group only with `cpu=True`.
        on_cpu = _is_cpu_asked_for() or not torch.accelerator.is_available()
        try:
            with _hidden_from_accelerate(announced):
                self.accelerator = Accelerator(
                    cpu=on_cpu,
                    mixed_precision=ACCELERATE_PRECISION[precision],
                    # The plugin, because the environment would win over the plain number, and divide the loss.
                    gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
                    dynamo_backend="no",
                    kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
                )
        except (ValueError, RuntimeError) as error:
            AcceleratorState._reset_state(True)
            raise UsageError(f"the {announced} processes could not form a group: {error}. {REMEDY}") from error
        self.rank: int = self.accelerator.process_index
        self.size: int = self.accelerator.num_processes
        self.device: torch.device = self.accelerator.device
        self.dtype = torch.float64 if precision == "fp64" else torch.float32
        # Flags are exchanged every step. They stay on the CPU, so that reading one does not wait for the device.
        of_flags = self.size > 1 and self.device.type != "cpu"
        self._flags = dist.new_group(backend="gloo", timeout=PATIENCE) if of_flags else None  # None: the whole group
        if announced != self.size:
            raise UsageError(
                f"the launcher announced {announced} processes, but this group has {self.size}: each process would "
                f"train alone and write to the same run folder. {REMEDY}"
            )

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and prints."""
        return self.rank == 0

    @property
    def scaler(self) -> torch.amp.GradScaler | None:
        """The gradient scaler of fp16, or None."""
        return self.accelerator.scaler

    def autocast(self) -> AbstractContextManager[None]:
        """Return a context in which the networks run in mixed precision."""
        return self.accelerator.autocast()

    def backward(self, total: Tensor, inputs: Sequence[Parameter], retain_graph: bool) -> None:
        """Add the gradient of `total`, (), to `inputs` only."""
        self.accelerator.backward(total, inputs=list(inputs), retain_graph=retain_graph)

    def gather(self, x: Tensor) -> Tensor:
        """Return the rows of all processes, (B, ...) -> (n·B, ...), with gradient."""
        return x if self.size == 1 else _Gather.apply(x, self.rank, self.size)

    def average_gradients(self, parameters: Sequence[Parameter]) -> None:
        """Replace every gradient by its mean over the processes.

        A gradient that is None on some processes counts as zero there. One that is None on all stays None: an optimiser
        skips that weight, as with one process, where zeros would still decay it and move it by its momentum.
        """
        if self.size == 1:
            return
        reached = [parameter.grad is not None for parameter in parameters]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flags = torch.tensor(reached, device=self.device).to(gradients[0].dtype)
        flat = torch.cat([*(gradient.flatten() for gradient in gradients), flags])
        with _together():
            dist.all_reduce(flat)
        flat /= self.size
        *pieces, shares = flat.split([*(gradient.numel() for gradient in gradients), len(flags)])
        for index, (parameter, gradient, piece) in enumerate(zip(parameters, gradients, pieces, strict=True)):
            if reached[index] or shares[index] > 0:  # the device is asked only about gradients that are None here
                parameter.grad = gradient.copy_(piece.view_as(gradient))

    def mean(self, x: Tensor) -> Tensor:
        """Return the mean of `x` over the processes."""
        if self.size == 1:
            return x
        x = x.clone()
        with _together():
            dist.all_reduce(x)
        return x / self.size

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set on any process."""
        if self.size == 1:
            return flag
        flags = torch.tensor(float(flag))
        with _together():
            dist.all_reduce(flags, group=self._flags)
        return bool(flags.item())

    def share_weights(self, module: torch.nn.Module) -> None:
        """Copy the parameters and buffers of the main process to all others."""
        if self.size > 1:
            with _together():
                for tensor in module.state_dict().values():
                    dist.broadcast(tensor, src=0)

    def on_main(self, do: Callable[[], Result]) -> Result:
        """Call `do` on the main process only; return its result, or raise its `GenkitError`, on every process."""
        if self.size == 1:
            return do()
        outcome: list[Any] = [None, None]
        if self.is_main:
            try:
                outcome[0] = do()
            except GenkitError as error:
                outcome[1] = error
        with _together():
            broadcast_object_list(outcome)
        if outcome[1] is not None:
            raise outcome[1]
        return outcome[0]

    def on_all(self, do: Callable[[], Result]) -> Result:
        """Call `do` on every process and return its result; a `GenkitError` of any is raised on every process."""
        if self.size == 1:
            return do()
        error: GenkitError | None = None
        try:
            result = do()
        except GenkitError as raised:
            error = raised
        if self.any(error is not None):  # a process that continued alone would wait for the others for ever
            errors: list[GenkitError | None] = [None] * self.size
            with _together():
                dist.all_gather_object(errors, error)
            raise next(each for each in errors if each is not None)
        return result

    def close(self) -> None:
        """End together: a process that ends early would abort the others."""
        with _together():
            self.accelerator.wait_for_everyone()
            if not self._joined_before:
                self.accelerator.end_training()
        self.release()

    def release(self) -> None:
        """Restore what Accelerate shares within a process, so that Accelerators of the host program work as before."""
        for kind, shared in self._host:
            kind._shared_state.clear()
            kind._shared_state.update(shared)

    def __enter__(self) -> World:
        """Return this group."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        """Close the group; after an error do not wait for processes that may not have it."""
        if kind is None:
            self.close()
        else:
            self.release()


def _is_cpu_asked_for() -> bool:
    """Return whether the one setting of Accelerate that genkit obeys is set. Raises `UsageError` for another value."""
    value = os.environ.get("ACCELERATE_USE_CPU", "false")
    try:
        return bool(str_to_bool(value))
    except ValueError:
        raise UsageError(
            f"ACCELERATE_USE_CPU={value}: expected true or false. Unset this environment variable."
        ) from None


@contextmanager
def _hidden_from_accelerate(size: int) -> Iterator[None]:
    """Hide the settings of Accelerate, and of a process on its own what looks as if a launcher had started it."""
    alone = ("RANK", "LOCAL_RANK", "WORLD_SIZE") if size == 1 else ()
    names = [name for name in os.environ if name.startswith("ACCELERATE_") or name in alone]
    hidden = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(hidden)


@contextmanager
def _together() -> Iterator[None]:
    """Raise `ProcessLost` if another process ends while this one communicates with it."""
    try:
        yield
    except RuntimeError as error:
        raise ProcessLost(f"another process of this run has ended: {str(error).splitlines()[0]}.") from error


def _refuse_other_engines() -> None:
    """Raise `UsageError` if a variable would make Accelerate train in another way than the recipe states."""
    for name in ("ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_MEGATRON_LM", "ACCELERATE_TORCH_DEVICE"):
        value = os.environ.get(name, "")
        if value.lower() not in ("", "0", "false", "no"):
            raise UsageError(f"{name}={value}: genkit trains with its own engine. Unset this environment variable.")


class _Gather(torch.autograd.Function):
    """All-gather with a gradient: the sum over all processes of the gradient of this process's rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rank: int, size: int) -> Tensor:
        ctx.rank, ctx.rows = rank, len(x)
        gathered = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(size)]
        with _together():
            dist.all_gather(gathered, x.contiguous())
        return torch.cat(gathered)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        gradient = gradient.contiguous().clone()
        with _together():
            dist.all_reduce(gradient)
        return gradient[ctx.rank * ctx.rows : (ctx.rank + 1) * ctx.rows], None, None
