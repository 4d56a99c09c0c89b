"""The tables of a recipe, as types. A recipe is read from TOML or built from these in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Interval

from genkit.core.numeric_types import Count, Steps
from genkit.recipe.document import Document

# What changes no weight: how a run is called, what is measured of it, and what it tells and saves on its way.
WITHOUT_WEIGHT = ("title", "metrics", "evaluate", "report", "checkpoint")


@dataclass(frozen=True, init=False)
class Use:
    """A part and its arguments: ``Use("mlp", latent_dim=2)``, in TOML a table with ``use = "mlp"``."""

    name: str
    arguments: Mapping[str, Any]

    def __init__(self, name: str, /, **arguments: Any):
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "arguments", arguments)


@dataclass(frozen=True)
class Train:
    """``[train]``: how long, on what, in which precision."""

    batch_size: Count  # samples that one update sees, over all processes
    steps: Count | None = None  # either steps ...
    epochs: Count | None = None  # ... or epochs
    precision: Literal["fp32", "bf16", "fp16", "fp64"] = "fp32"  # of the networks; losses are never below fp32
    accumulate: Count = 1  # micro-batches that a batch is split into, to save memory
    inexact_accumulation: bool = False  # accept it where samples of a batch are coupled
    warm_start: Path | None = None  # a run or final folder to take the initial weights from
    warm_start_weights: Literal["raw", "ema"] = "raw"

    def __post_init__(self) -> None:
        if self.steps is None and self.epochs is None:
            raise ValueError("says nothing of how long to train; give steps or epochs")
        if self.steps is not None and self.epochs is not None:
            raise ValueError("has both steps and epochs; leave one out, as `--set train.epochs=` does")


@dataclass(frozen=True)
class EMA:
    """``[ema]``: an exponential moving average of weights and buffers, updated after every step."""

    decay: Annotated[float, Interval(ge=0, lt=1)] = 0.999


@dataclass(frozen=True)
class Checkpoint:
    """``[checkpoint]``: when to save, and how many saves to keep."""

    every: Count = 1000  # steps
    keep: Count = 3  # the newest


@dataclass(frozen=True)
class Report:
    """``[report]``: what a run tells while it trains."""

    log_every: Count = 100  # steps between lines of metrics.jsonl
    draw_every: Count = 1000  # steps between pictures
    strip_epochs: tuple[Count, ...] = ()  # whose samples are the rows of figures/stability.png: these epochs ...
    strip_steps: tuple[Count, ...] = ()  # ... or these steps; with neither, five steps spread over the run

    def __post_init__(self) -> None:
        if self.strip_epochs and self.strip_steps:
            raise ValueError("strip_epochs and strip_steps say the same of one strip; give either, or neither")


@dataclass(frozen=True)
class Evaluate:
    """``[evaluate]``: metrics on the way, and the weights that were best by one of them."""

    every: Count  # steps between evaluations; the last step is evaluated always
    metrics: tuple[str, ...] = ()  # labels of [metrics]; all of them unless given
    best: str | None = None  # the label by which the best step is kept, in best/


@dataclass(frozen=True)
class Recipe:
    """A whole experiment. Equal recipes make equal runs, on one machine."""

    title: str
    data: Use  # of kind datasets
    model: Use
    loss: Use
    optimiser: Mapping[str, Use]  # one for each child of the model that is trained
    train: Train
    seed: Steps = 0
    ema: EMA | None = None
    metrics: Mapping[str, Use] = field(default_factory=dict)  # by label; computed at the end
    evaluate: Evaluate | None = None  # ... and on the way
    checkpoint: Checkpoint = Checkpoint()
    report: Report = Report()

    def document(self) -> Document:
        """Return the recipe as the tables of a TOML file."""
        return Document(_tables(self))


def _tables(value: Any) -> Any:
    """Turn typed tables into plain ones; what is None has no key, as TOML has no null."""
    if isinstance(value, Use):
        return {"use": value.name, **_tables(value.arguments)}
    if is_dataclass(value) and not isinstance(value, type):
        value = {item.name: getattr(value, item.name) for item in fields(value)}
    if isinstance(value, Mapping):
        return {key: _tables(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [_tables(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value
