"""The tables of a recipe, as types. A recipe is read from TOML or built from these in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Interval

from genkit.core.field_types import Doc, NonNegativeInt, PositiveInt
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

    batch_size: Annotated[PositiveInt, Doc("samples that one update sees, over all processes")]
    steps: Annotated[PositiveInt | None, Doc("either steps ...")] = None
    epochs: Annotated[PositiveInt | None, Doc("... or epochs")] = None
    precision: Annotated[
        Literal["fp32", "bf16", "fp16", "fp64"], Doc("of the networks; losses are never below fp32")
    ] = "fp32"
    accumulate: Annotated[PositiveInt, Doc("micro-batches that a batch is split into, to save memory")] = 1
    inexact_accumulation: Annotated[bool, Doc("accept it where samples of a batch are coupled")] = False
    warm_start: Annotated[Path | None, Doc("a run or final folder to take the initial weights from")] = None
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

    every: Annotated[PositiveInt, Doc("steps")] = 1000
    keep: Annotated[PositiveInt, Doc("the newest")] = 3


@dataclass(frozen=True)
class Report:
    """``[report]``: what a run tells while it trains."""

    log_every: Annotated[PositiveInt, Doc("steps between lines of metrics.jsonl")] = 100
    draw_every: Annotated[PositiveInt, Doc("steps between pictures")] = 1000
    strip_epochs: Annotated[
        tuple[PositiveInt, ...], Doc("whose samples are the rows of figures/stability.png: these epochs ...")
    ] = ()
    strip_steps: Annotated[
        tuple[PositiveInt, ...], Doc("... or these steps; with neither, five steps spread over the run")
    ] = ()

    def __post_init__(self) -> None:
        if self.strip_epochs and self.strip_steps:
            raise ValueError("strip_epochs and strip_steps say the same of one strip; give either, or neither")


@dataclass(frozen=True)
class Evaluate:
    """``[evaluate]``: metrics on the way, and the weights that were best by one of them."""

    every: Annotated[PositiveInt, Doc("steps between evaluations; the last step is evaluated always")]
    metrics: Annotated[tuple[str, ...], Doc("labels of [metrics]; all of them unless given")] = ()
    best: Annotated[str | None, Doc("the label by which the best step is kept, in best/")] = None


@dataclass(frozen=True)
class Recipe:
    """A whole experiment. Equal recipes make equal runs, on one machine."""

    title: str
    data: Annotated[Use, Doc("of kind datasets")]
    model: Use
    loss: Use
    optimiser: Annotated[Mapping[str, Use], Doc("one for each child of the model that is trained")]
    train: Train
    seed: NonNegativeInt = 0
    ema: EMA | None = None
    metrics: Annotated[Mapping[str, Use], Doc("by label; computed at the end")] = field(default_factory=dict)
    evaluate: Annotated[Evaluate | None, Doc("... and on the way")] = None
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
