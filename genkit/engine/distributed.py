"""The processes that train together, on top of HF Accelerate.

Networks are plain modules, without DistributedDataParallel. After each backward one flat all-reduce averages the
gradients of the phase. This is exact for any number of forwards, for graphs shared between phases and for
`backward(inputs=...)`, which DistributedDataParallel does not allow, and equally fast (docs/engine.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NoReturn, TypeVar

import torch
import torch.distributed as dist
from accelerate.utils import broadcast, gather_object, reduce
from torch import Tensor
from torch.nn import Parameter

from genkit.core.collectives import gather_rows, together
from genkit.core.transfer import to_device
from genkit.engine import process_group
from genkit.engine.host_accelerate import HostAccelerate
from genkit.engine.malloc import keep_freed_memory
from genkit.engine.outcome import Outcome
from genkit.engine.precision import set_float32_products
from genkit.errors import GenkitError

Result = TypeVar("Result")


class World:
    """The group of `size` processes, this process's `rank` and device, and the collective operations."""

    def __init__(self, precision: str = "fp32"):
        """Join the processes that the launcher started. Raises `UsageError` if they cannot form a group."""
        keep_freed_memory()
        set_float32_products(precision)
        self._host = HostAccelerate()
        self._joined_before = dist.is_available() and dist.is_initialized()  # by the host program
        self.accelerator = process_group.join_group(precision)
        self.rank: int = self.accelerator.process_index
        self.size: int = self.accelerator.num_processes
        self.device: torch.device = self.accelerator.device
        self.dtype = torch.float64 if precision == "fp64" else torch.float32
        # Flags and objects travel between CPUs, so that no device waits for them.
        beside = self.size > 1 and self.device.type != "cpu"
        patience = process_group.PATIENCE
        self._on_cpu = dist.new_group(backend="gloo", timeout=patience) if beside else None  # None: the whole group
        self._started: Callable[[], None] | None = None  # finishes an exchange that others must not overtake

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
        self.finish_started()
        return gather_rows(x)

    def average_gradients(self, parameters: Sequence[Parameter]) -> None:
        """Replace every gradient by its mean over the processes.

        A gradient that is None on some processes counts as zero there. One that is None on all stays None: an optimiser
        skips that weight, as with one process, where zeros would still decay it and move it by its momentum.
        """
        if self.size == 1:
            return
        reached = [parameter.grad is not None for parameter in parameters]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flags = to_device(torch.tensor(reached), self.device, gradients[0].dtype)
        flat = torch.cat([*(gradient.flatten() for gradient in gradients), flags])
        with self._exchange():
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
        with self._exchange():
            return reduce(x, "mean")

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set on any process."""
        if self.size == 1:
            return flag
        self.finish_started()
        return self.start_any(flag)()[0]

    def start_any(self, *flags: bool) -> Callable[[], list[bool]]:
        """Start an exchange of flags; return a function that waits and returns for each whether any process set it.

        Pass what calls it to `finish_first`: the processes must exchange everything in the same order.
        """
        shared = torch.tensor(flags, dtype=torch.uint8)
        with together():
            work = dist.all_reduce(shared, dist.ReduceOp.MAX, group=self._on_cpu, async_op=True)

        def wait() -> list[bool]:
            with together():
                work.wait()
            return [bool(flag) for flag in shared.tolist()]

        return wait

    def finish_first(self, finish: Callable[[], None]) -> None:
        """Call `finish` once, before the next exchange."""
        self._started = finish

    def finish_started(self) -> None:
        """Finish the exchange that was started and not finished, if there is one."""
        started, self._started = self._started, None
        if started is not None:
            started()

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        self.finish_started()
        with together():
            yield

    def share_weights(self, module: torch.nn.Module) -> None:
        """Copy the parameters and buffers of the main process to all others."""
        if self.size > 1:
            with self._exchange():
                broadcast(list(module.state_dict().values()))

    def on_main(self, do: Callable[[], Result]) -> Result:
        """Call `do` on the main process only; return its result, or raise its `GenkitError`, on every process."""
        if self.size == 1:
            return do()
        return self.from_main(Outcome.of(do) if self.is_main else None).get()

    def from_main(self, value: Any) -> Any:
        """Return the value of the main process. The others wait on the CPU, because it may take hours."""
        box = [value]
        with self._exchange():
            dist.broadcast_object_list(box, src=0, group=self._on_cpu)
        return box[0]

    def gather_on_main(self, value: Any) -> list[Any]:
        """Return the values of all processes on the main process, by rank; nothing on the others."""
        values: list[Any] = [None] * self.size if self.is_main else []
        with self._exchange():
            dist.gather_object(value, values if self.is_main else None, dst=0, group=self._on_cpu)
        return values

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
            self.raise_first(error)
        return result

    def raise_first(self, error: GenkitError | None) -> NoReturn:
        """Raise the error of the first process that has one. All processes call this, and one of them has an error."""
        with self._exchange():
            errors = gather_object([error])
        raise next(each for each in errors if each is not None)

    def close(self) -> None:
        """End together: a process that ends early would abort the others."""
        with self._exchange():
            self.accelerator.wait_for_everyone()
            if not self._joined_before:
                self.accelerator.end_training()
        self.release()

    def release(self) -> None:
        """Restore what Accelerate shares within a process, so that Accelerators of the host program work as before."""
        self._host.restore()

    def __enter__(self) -> World:
        """Return this group."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        """Close the group; after an error do not wait for processes that may not have it."""
        if kind is None:
            self.close()
        else:
            self.release()
