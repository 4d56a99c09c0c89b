"""The state of training: the step, the model, the optimisers and the EMA weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim.swa_utils import get_ema_multi_avg_fn

from genkit.core.global_generators import seeded_generators
from genkit.core.model import Model
from genkit.core.noise import seed_of
from genkit.core.targets import make_targets, networks_in_training
from genkit.core.types import Optimiser
from genkit.engine.compilation import CompiledChildren
from genkit.engine.distributed import World
from genkit.engine.precision import MixedPrecision
from genkit.engine.switch import Switch
from genkit.recipe.plan import Plan
from genkit.storage.exported_weights import fill_weights


class ChildOptimiser:
    """The torch optimiser of one child of the model, and the part of the recipe that built it."""

    def __init__(self, recipe: Optimiser, child: torch.nn.Module):
        self.recipe = recipe
        self.parameters: dict[str, Parameter] = dict(child.named_parameters())
        self.optimiser = recipe.build(list(self.parameters.values()))

    def step(self, t: float, scaler: torch.amp.GradScaler | None) -> None:
        """Clip the gradients and update the parameters, with the learning rate of progress `t`."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.lr(t)
        if scaler is not None:
            scaler.unscale_(self.optimiser)
        if self.recipe.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.recipe.clip_norm)
        if scaler is None:
            self.optimiser.step()
        else:
            scaler.step(self.optimiser)


class MovingAverage:
    """An exponential moving average of a model's floating-point weights and buffers; integer buffers are copied."""

    def __init__(self, model: Model, decay: float):
        # Mixed precision and compilation replace the forward of each child. A copy would keep that of the original.
        assert not any("forward" in vars(child) for child in model.children()), "make the EMA before both"
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self._move = get_ema_multi_avg_fn(decay)
        # Keyed by address, so that a weight with two names (tied weights) is averaged once.
        named = zip(self.model.state_dict().values(), model.state_dict().values(), strict=True)
        pairs = {average.data_ptr(): (average, value) for average, value in named}.values()
        self._floating = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counting = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Update every average: average ← decay·average + (1 - decay)·value."""
        averages, values = zip(*self._floating, strict=True)
        self._move(averages, values, None)
        for average, value in self._counting:
            average.copy_(value)


@dataclass
class TrainState:
    """The state between two steps; a checkpoint holds exactly this."""

    step: int  # steps completed
    model: Model
    optimisers: dict[str, ChildOptimiser]  # by child
    average: MovingAverage | None
    # A context in which networks run in float32 and uncompiled.
    full_precision: Callable[[], AbstractContextManager[None]]
    scaler: torch.amp.GradScaler | None = None  # for fp16
    compiled: CompiledChildren | None = None
    targets: dict[str, torch.nn.Module] = field(default_factory=dict)  # by child, for a `LossWithTargets`
    whole: bool = True  # False after a step that failed when weights had been changed

    @contextmanager
    def in_step(self) -> Iterator[None]:
        """Run a step, which sets `whole` to False before it changes weights. Undo it if it fails before that."""
        before = [buffer.clone() for buffer in self._buffers()]  # such as the averages of a batch norm
        try:
            yield
        except BaseException:
            if self.whole:
                # Listed again, since a network may have put another tensor in the place of a buffer.
                for buffer, value in zip(self._buffers(), before, strict=True):
                    buffer.copy_(value)
            raise
        self.whole = True

    def _buffers(self) -> list[Tensor]:
        return [buffer for network in (self.model, *self.targets.values()) for buffer in network.buffers()]

    def weights(self, which: str) -> Model:
        """Return the model with its "raw" or "ema" weights."""
        return self.average.model if which == "ema" and self.average is not None else self.model


def initial_state(plan: Plan, world: World, *, resuming: bool = False) -> TrainState:
    """Return the state before the first step, the same on every process; a resume skips the warm start."""
    with seeded_generators(seed_of(plan.recipe.seed, "weights")):
        model = plan.build_model()
    model.class_facts = plan.class_facts
    model.to(world.device, world.dtype).train()
    if plan.recipe.train.warm_start is not None and not resuming:
        fill_weights(model, plan.recipe.train.warm_start, plan.recipe.train.warm_start_weights)
    world.share_weights(model)

    average = MovingAverage(model, plan.recipe.ema.decay) if plan.recipe.ema else None
    optimisers = {
        child: ChildOptimiser(recipe, model.get_submodule(child)) for child, recipe in plan.optimisers.items()
    }
    targets = make_targets(model, plan.dry_run.targets)  # also of the weights of a warm start
    networks = networks_in_training(model, targets)
    # The compiled network is inside the autocast, because torch compiles what autocast has made of it.
    compiled = CompiledChildren(networks) if plan.recipe.train.compile else None
    if compiled is not None:
        compiled.agree(world)
    mixed = MixedPrecision(networks, world.autocast) if plan.recipe.train.precision in ("bf16", "fp16") else None
    plain = _plain(compiled, mixed)
    return TrainState(0, model, optimisers, average, plain, world.scaler, compiled, targets=targets)


def _plain(*switches: Switch | None) -> Callable[[], AbstractContextManager[None]]:
    """Return a context in which networks run as they are written."""
    given = [switch for switch in switches if switch is not None]

    @contextmanager
    def off() -> Iterator[None]:
        with ExitStack() as stack:
            for switch in given:
                stack.enter_context(switch.off())
            yield

    return off if given else nullcontext
