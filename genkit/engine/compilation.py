"""Compiled networks: the forward of each child of a model goes through `torch.compile`.

torch compiles a child for each kind of inputs: shape, dtype, with or without gradients. The first call of a kind is
tried before it is used, forward and backward, so that a failure leaves the step as it was. Only the model that is
trained is compiled: the EMA weights are a model of their own. Within `off()` the networks run as they are written,
which second derivatives need, because torch cannot compile them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from types import FunctionType
from typing import Any

import torch
from accelerate.utils import recursively_apply
from torch import Tensor, nn

from genkit.core.global_generators import restored_generators
from genkit.core.torch_defaults import keep_compiled_graphs
from genkit.engine.distributed import World
from genkit.engine.switch import Switch
from genkit.errors import GenkitError, GenkitWarning

BACKEND = "inductor"
MOST_KINDS = 8  # of inputs that a child is compiled for; training has about four, and torch's own limit is eight
MOST_CHARACTERS = 300  # of an error of torch in a warning

INSTALL = (
    "torch.compile needs a C++ compiler for the CPU (the environment variable CXX names it), and Triton for a GPU. "
    "Install it, or remove the key."
)
SECOND_DERIVATIVES = (
    "torch cannot compile second derivatives: a loss that needs them runs the networks within batch.full_precision()."
)


class CompiledChildren(Switch):
    """Runs the children of a model compiled, except within `off()` and once a compilation has failed."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self._failed = False
        keep_compiled_graphs()  # of a phase, which the next one may use again (`Batch.carry`)
        for name, child in model.named_children():
            child.forward = _CompiledForward(name, child, self)

    @property
    def on(self) -> bool:
        """Whether the networks run compiled now."""
        return self.switched_on and not self._failed

    def agree(self, world: World) -> None:
        """Turn compilation off on all processes if one of them cannot compile a small function.

        The networks may communicate, so processes must try them together, or none may.
        """
        if world.size == 1:
            return
        error = _error_of_compiler(world.device)
        if world.any(error is not None):
            self.fail(error or RuntimeError("another process of this run cannot compile"))

    def fail(self, error: BaseException, remedy: str = INSTALL) -> None:
        """Run the networks uncompiled from now on, and warn once."""
        if not self._failed:
            self._failed = True
            text = f"[train] compile: the networks cannot be compiled, so the run goes on uncompiled: {_cause(error)}"
            warnings.warn(f"{text.rstrip('.')}. {remedy}", GenkitWarning, stacklevel=2)


class _CompiledForward:
    """The forward of one child."""

    def __init__(self, name: str, child: nn.Module, children: CompiledChildren):
        self._name, self._child, self._children = name, child, children
        self._plain = child.forward
        self._kinds: set[tuple[object, ...]] = set()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs of the child."""
        if not self._children.on:
            return self._plain(*args, **kwargs)
        kind = _kind(self._child, args, kwargs)
        if kind not in self._kinds:
            if len(self._kinds) == MOST_KINDS:
                return self._plain(*args, **kwargs)
            try:
                self._try(args, kwargs)
            except GenkitError:  # such as the loss of a process that a layer communicates with
                raise
            except Exception as error:  # torch's own errors and those of any backend share no base class
                outputs = self._plain(*args, **kwargs)  # a mistake of the network itself is raised here
                self._children.fail(error)
                return outputs
            self._add(kind)
        return self._compiled(*args, **kwargs)

    def _add(self, kind: tuple[object, ...]) -> None:
        self._kinds.add(kind)
        if len(self._kinds) == MOST_KINDS:
            text = f"[train] compile: {self._name} is called with {MOST_KINDS} kinds of inputs, such as batch sizes"
            warnings.warn(f"{text}; for further ones it runs uncompiled.", GenkitWarning, stacklevel=2)

    @cached_property
    def _compiled(self) -> Callable[..., Any]:
        return torch.compile(_with_own_code(self._plain), dynamic=False, backend=BACKEND)

    def _try(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Run the compiled child forward and backward, and forget the results.

        torch compiles the backward when it is first used. Compilers draw random numbers, of which the watch of the
        global generators must not accuse the network.
        """
        args, kwargs = recursively_apply(_as_leaf, (args, kwargs))  # the graph before them is not to be run
        with _restored_buffers(self._child), restored_generators():
            outputs = _tensors_with_gradient(self._compiled(*args, **kwargs))
            inputs = _tensors_with_gradient((args, kwargs, list(self._child.parameters())))
            if outputs and inputs:
                total = torch.stack([output.sum() for output in outputs]).sum()
                torch.autograd.grad(total, inputs, allow_unused=True)


def _error_of_compiler(device: torch.device) -> Exception | None:
    """Return why this process cannot compile; None if it can."""
    with restored_generators():
        try:
            x = torch.ones(8, device=device, requires_grad=True)
            compiled: Callable[[Tensor], Tensor] = torch.compile(_with_own_code(torch.tanh), backend=BACKEND)
            torch.autograd.grad(compiled(x).sum(), x)
        except Exception as error:
            return error
    return None


@contextmanager
def _restored_buffers(child: nn.Module) -> Iterator[None]:
    """Run the block, then restore the buffers, such as the averages of a batch norm."""
    buffers = [(buffer, buffer.clone()) for buffer in child.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)


def _kind(child: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what the compiled code depends on, as far as the engine knows it."""
    inputs = [
        (each.shape, each.stride(), each.dtype, each.requires_grad)
        for each in (*args, *kwargs.values())
        if isinstance(each, Tensor)
    ]
    return (child.training, torch.is_grad_enabled(), *inputs)


def _as_leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_(tensor.requires_grad)


def _tensors_with_gradient(nested: Any) -> list[Tensor]:
    """Return the tensors in tuples, lists and dicts that are differentiable."""
    found: list[Tensor] = []

    def add(tensor: Tensor) -> Tensor:
        if tensor.requires_grad:
            found.append(tensor)
        return tensor

    recursively_apply(add, nested)
    return found


def _with_own_code(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls `forward`, with a code object of its own.

    torch limits the compilations of each code object, and children of one class share theirs.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        return forward(*args, **kwargs)

    return FunctionType(call.__code__.replace(), call.__globals__, call.__name__, None, call.__closure__)


def _cause(error: BaseException) -> str:
    """Return the kind of an error and the first paragraph of what it says; torch adds how to debug its compiler."""
    paragraph = " ".join(str(error).strip().partition("\n\n")[0].split())
    return f"{type(error).__name__}: {paragraph[:MOST_CHARACTERS]}".rstrip(": ")
