"""The tables of a recipe, as types. A recipe is read from TOML, or built from these types in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Interval

from genkit.core.field_types import Doc, NonNegativeInt, PositiveInt
from genkit.recipe.text.document import Document

# Keys that change no weight: the title, what is measured, and what a run logs, draws and saves. With a callback that
# may stop the run, some of them do: `genkit.recipe.changed_keys`.
WITHOUT_WEIGHT = ("title", "metrics", "evaluate", "report", "checkpoint", "track")
KINDS_OF_TABLES = {  # the kind of the parts in a table, or in the tables within it
    "data": "datasets",
    "model": "models",
    "loss": "losses",
    "optimiser": "optimisers",
    "metrics": "metrics",
    "callbacks": "callbacks",
}
# Keys of [data] that say where the samples are and what to do with bad files. The fingerprint of the data says whether
# the samples are the same, so data may be moved.
PLACES_OF_DATA = ("path", "hub", "store", "hold_out", "masks", "groups", "on_bad")


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
    """``[train]``: the length of the run, the batch and the precision."""

    batch_size: Annotated[PositiveInt, Doc("Samples that one update uses, over all processes and micro-batches.")]
    steps: Annotated[PositiveInt | None, Doc("Length of the run in steps; give either steps or epochs.")] = None
    epochs: Annotated[PositiveInt | None, Doc("Length of the run in epochs; give either steps or epochs.")] = None
    precision: Annotated[
        Literal["fp32", "tf32", "bf16", "fp16", "fp64"],
        Doc("Floating-point format of the networks; losses are computed in fp32 at least."),
    ] = "fp32"
    compile: Annotated[
        bool | None,
        Doc("Whether torch.compile compiles the networks for training; they run as they are written by default."),
    ] = None
    accumulate: Annotated[PositiveInt, Doc("Micro-batches that a batch is split into, to save memory.")] = 1
    inexact_accumulation: Annotated[
        bool, Doc("Whether to accept micro-batches where the loss or a batch norm couples the samples of a batch.")
    ] = False
    warm_start: Annotated[
        Path | None, Doc("A finished run, model folder or exported folder, from which the initial weights are taken.")
    ] = None
    warm_start_weights: Annotated[
        Literal["raw", "ema"], Doc('Which weights warm_start takes: "raw", as trained, or "ema", the EMA weights.')
    ] = "raw"

    def __post_init__(self) -> None:
        if self.steps is None and self.epochs is None:
            raise ValueError("neither steps nor epochs is given; add one of them")
        if self.steps is not None and self.epochs is not None:
            raise ValueError("both steps and epochs are given; remove one, for example with `--set train.epochs=`")


@dataclass(frozen=True)
class EMA:
    """``[ema]``: an exponential moving average of weights and buffers, updated after every step."""

    decay: Annotated[
        float,
        Interval(ge=0, lt=1),
        Doc("Share of the average that each step keeps: average = decay * average + (1 - decay) * value."),
    ] = 0.999


@dataclass(frozen=True)
class Checkpoint:
    """``[checkpoint]``: when to save a checkpoint, and how many to keep."""

    every: Annotated[PositiveInt, Doc("Steps between checkpoints; the last step is always saved.")] = 1000
    keep: Annotated[PositiveInt, Doc("Number of checkpoints to keep, the newest ones.")] = 3


@dataclass(frozen=True)
class Report:
    """``[report]``: what a run logs and draws while it trains."""

    log_every: Annotated[
        PositiveInt | None,
        Doc(
            "Steps between lines of metrics.jsonl; by default, and in a run of less than two such intervals, 100, or a "
            "twentieth of a run of less than 2,000 steps."
        ),
    ] = None
    draw_every: Annotated[PositiveInt, Doc("Steps between pictures.")] = 1000
    strip_epochs: Annotated[
        tuple[PositiveInt, ...],
        Doc("Epochs whose samples are the rows of figures/stability.png; give strip_epochs, strip_steps or neither."),
    ] = ()
    strip_steps: Annotated[
        tuple[PositiveInt, ...],
        Doc("Steps whose samples are the rows of figures/stability.png; with neither key, five steps over the run."),
    ] = ()

    def __post_init__(self) -> None:
        if self.strip_epochs and self.strip_steps:
            raise ValueError("both strip_epochs and strip_steps are given; remove one")

    def steps_between_lines(self, steps: int) -> int:
        """Return `log_every`, or its default for a run of `steps` steps: its curves need more than one point.

        So a long run's recipe, tried with ``--set train.steps=50``, has curves, too.
        """
        by_length = min(100, -(-steps // 20))
        return by_length if self.log_every is None or steps < 2 * self.log_every else self.log_every


@dataclass(frozen=True)
class Evaluate:
    """``[evaluate]``: metrics during training, and the best weights by one of them."""

    every: Annotated[PositiveInt, Doc("Steps between evaluations; the last step is always evaluated.")]
    metrics: Annotated[
        tuple[str, ...], Doc("Labels of [metrics] that are computed during training; all of them unless given.")
    ] = ()
    best: Annotated[
        str | None, Doc("Label of the metric that decides which step is best; its weights are kept in best/.")
    ] = None


TrackerName = Literal["tensorboard", "trackio", "wandb", "mlflow"]


@dataclass(frozen=True)
class Track:
    """``[track]``: trackers of experiments that get the log, the pictures and the metrics of a run."""

    to: Annotated[tuple[TrackerName, ...], Doc("Trackers, each of a package that must be installed.")]
    project: Annotated[
        str, Doc("Project, or experiment, to which the run is added; TensorBoard writes into the run folder instead.")
    ] = "genkit"


@dataclass(frozen=True)
class Recipe:
    """A whole experiment. Equal recipes make equal runs on one machine."""

    title: Annotated[str, Doc("Name of the experiment, shown on pictures and in reports.")]
    data: Annotated[Use, Doc("Data set to train on.")]
    model: Annotated[Use, Doc("Network to train.")]
    loss: Annotated[Use, Doc("Training objective.")]
    optimiser: Annotated[Mapping[str, Use], Doc("Optimiser of each trained child of the model, by child.")]
    train: Annotated[Train, Doc("Length of the run, batch and precision.")]
    seed: Annotated[NonNegativeInt, Doc("Seed of all random numbers of the run.")] = 0
    ema: Annotated[EMA | None, Doc("Moving average of the weights; without this table a run has no EMA weights.")] = (
        None
    )
    metrics: Annotated[Mapping[str, Use], Doc("Metrics by label, computed at the end of the run.")] = field(
        default_factory=dict
    )
    evaluate: Annotated[
        Evaluate | None, Doc("Evaluation during training; without this table metrics are computed at the end only.")
    ] = None
    checkpoint: Annotated[Checkpoint, Doc("When to save a checkpoint, and how many to keep.")] = Checkpoint()
    report: Annotated[Report, Doc("What a run logs and draws while it trains.")] = Report()
    track: Annotated[Track | None, Doc("Trackers of the run; without this table a run has none.")] = None
    callbacks: Annotated[Mapping[str, Use] | None, Doc("Callbacks of the run by label, such as early stopping.")] = None

    def document(self) -> Document:
        """Return the recipe as the tables of a TOML file."""
        return Document(as_toml(self))


def as_toml(value: Any) -> Any:
    """Return a typed value as TOML holds it: tables, lists and strings. A key that is None is left out."""
    if isinstance(value, Use):
        return {"use": value.name, **as_toml(value.arguments)}
    if is_dataclass(value) and not isinstance(value, type):
        value = {item.name: getattr(value, item.name) for item in fields(value)}
    if isinstance(value, Mapping):
        return {key: as_toml(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [as_toml(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value
