"""What a recipe needs and this machine lacks: data, weights, files of extractors, an accelerator, memory.

None of it is a mistake of the recipe: a plan lists it as unmet, and a run refuses to start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from functools import partial
from inspect import getmembers_static
from pathlib import Path
from typing import Any, NamedTuple

from genkit.core.dataset import Dataset
from genkit.core.metric import Extractor, Metric
from genkit.errors import Problem, UsageError
from genkit.recipe.binding.part_fields import kind_of, parameters_of
from genkit.recipe.machine.missing_precision import missing_precision
from genkit.recipe.machine.training_device import device_kind
from genkit.recipe.tables import Recipe
from genkit.recipe.text.document import KeyPath
from genkit.storage.exported_folder import is_exported, read_config
from genkit.storage.exported_weights import OTHER_WARM_START
from genkit.storage.listing import exists
from genkit.storage.memory import lack_of_memory
from genkit.storage.weights import ABOUT, lacks_ema, model_folder, no_ema_weights


class MissingFile(NamedTuple):
    """A file that a table of the recipe needs and that this machine does not have."""

    path: KeyPath
    text: str  # with the remedy

    def __str__(self) -> str:
        """Return the text with the table before it."""
        return f"[{'.'.join(self.path)}] {self.text}"


def unmet_always(
    recipe: Recipe, data: Dataset, metrics: Mapping[str, Metric], state_bytes: int, activation_bytes: int
) -> tuple[str, ...]:
    """Return what a run needs and this machine lacks, each with the remedy.

    `state_bytes` are those of its network, `activation_bytes` those that a micro-batch keeps for the backward.
    """
    found = (
        *unmet_of_data(data),
        *_unmet_batch(recipe, data),
        *unmet_of_metrics(metrics),
        missing_precision(recipe.train.precision),
        *_unmet_memory(recipe, state_bytes, activation_bytes),
        *_unmet_trackers(recipe),
    )
    return tuple(dict.fromkeys(filter(None, found)))


def unmet_of_data(data: Dataset) -> tuple[str, ...]:
    """Return why the splits of a data set cannot be read, each reason once."""
    return tuple(dict.fromkeys((*data.unmet(), *data.held_out().unmet())))


def unmet_of_metrics(metrics: Mapping[str, Metric]) -> tuple[str, ...]:
    """Return what the extractors and the data sets within these metrics lack."""
    return tuple(map(str, (*unmet_extractors(metrics), *unmet_data(metrics))))


def unmet_start(recipe: Recipe) -> tuple[str, ...]:
    """Return what only a new run needs and this machine lacks; a resumed run does not need it."""
    path = recipe.train.warm_start
    if path is None:
        return ()
    if exists(model_folder(path) / ABOUT):
        return _unmet_ema(model_folder(path), recipe.train.warm_start_weights)
    if is_exported(path):
        return _unmet_export(path, recipe.train.warm_start_weights)
    return (
        f"[train] warm_start: no trained model in {path.absolute()}. Give a finished run, a model folder or an "
        f"exported folder.{_download(path)}",
    )


def _unmet_ema(folder: Path, which: str) -> tuple[str, ...]:
    """Return why a run cannot begin with these weights of a model folder, of which only the facts are read."""
    if which != "ema" or not lacks_ema(folder):
        return ()
    return (f"[train] warm_start_weights: {no_ema_weights(folder, OTHER_WARM_START.format(weights='raw'))}",)


def _unmet_export(folder: Path, which: str) -> tuple[str, ...]:
    """Return why a run cannot begin with the weights of an exported folder, of which only the config is read."""
    try:
        config = read_config(folder)
    except UsageError as error:
        return (f"[train] warm_start: {error}",)
    if config["weights"] == which:
        return ()
    text = f"{folder}: exported with the {config['weights']} weights only. {OTHER_WARM_START.format(**config)}"
    return (f"[train] warm_start_weights: {text}",)


def _download(path: Path) -> str:
    """Return the remedy for a path that may be the name of a model on the hub, which can change under its name."""
    if path.is_absolute() or len(path.parts) != 2 or path.parent.exists():
        return ""
    return f" A model of the hub is downloaded first: hf download {path} --local-dir {path.name}."


def unmet_extractors(metrics: Mapping[str, Metric]) -> Iterator[MissingFile]:
    """Yield what the extractors of these metrics lack."""
    for label, metric in metrics.items():
        part: Any = metric
        keys = {item.name for item in fields(part)}
        for name, extractor in getmembers_static(part, lambda member: isinstance(member, Extractor)):
            key = (name,) if name in keys else ()  # an extractor is a key of the metric, or built into it
            yield from (MissingFile(("metrics", label, *key), absent) for absent in extractor.unmet())


def unmet_data(metrics: Mapping[str, Metric]) -> Iterator[MissingFile]:
    """Yield what the data sets within these metrics lack."""
    for label, metric in metrics.items():
        for key, parameter in parameters_of(type(metric)).items():
            if kind_of(parameter.hint) == "datasets" and (data := getattr(metric, key)) is not None:
                absent = dict.fromkeys((*data.unmet(), *data.held_out().unmet()))
                yield from (MissingFile(("metrics", label, key), text.removeprefix("[data] ")) for text in absent)


def unmet_of_refused(
    problems: Iterable[Problem], recipe: Recipe | None, data: Dataset | None, metrics: Mapping[str, Metric | None]
) -> Iterator[str]:
    """Yield what a recipe with problems also needs and this machine lacks; it has no plan, which would list it.

    What could not be bound is None. Data with a problem may be the wrong ones, so nothing is said of their files.
    """
    if any(problem.place.path[:1] == ("data",) for problem in problems):
        data = None
    bound = {label: metric for label, metric in metrics.items() if metric is not None}
    looks: list[Callable[[], Iterable[str]]] = [lambda: unmet_of_metrics(bound)]
    if data is not None:
        looks.insert(0, partial(unmet_of_data, data))
    if data is not None and recipe is not None:
        looks.insert(1, partial(_unmet_batch, recipe, data))
    if recipe is not None:
        looks += [lambda: filter(None, (missing_precision(recipe.train.precision),))]
        looks += [partial(_unmet_trackers, recipe), partial(unmet_start, recipe)]
    for look in looks:
        with suppress(Exception):  # a mistake of the part is among the problems, or is found by the next plan
            yield from dict.fromkeys(look())


def relative_paths(data: Dataset) -> tuple[str, ...]:
    """Return where the relative paths of missing data start, for a command on a run; nothing if there are none."""
    paths = [
        path for path in getattr(data, "__dict__", {}).values() if isinstance(path, Path) and not path.is_absolute()
    ]
    if not paths:
        return ()
    return (
        f"Relative paths in a recipe, such as {paths[0]}, start at the folder of the command, {Path.cwd()}. Call the "
        "command in the folder in which the run was started, or write an absolute path.",
    )


def place_of_data(data: Dataset, unmet: Sequence[object]) -> tuple[str, ...]:
    """Return where relative paths of missing data start, and how a command on a model takes another place of them.

    Nothing is to say if no data are missing.
    """
    if not unmet:
        return ()
    if not any(str(each).startswith("[data] path") for each in unmet):
        return relative_paths(data)
    return (*relative_paths(data), "If the data are in another place, add --set data.path=FOLDER.")


def too_large(batch_size: int, size: int) -> str:
    """Return the message about a batch that has more samples than the data set."""
    return (
        f"[train] batch_size: {batch_size} is more than the {size} samples of the data set. Set train.batch_size to "
        f"at most {size}."
    )


def _unmet_batch(recipe: Recipe, data: Dataset) -> Iterator[str]:
    if not data.unmet() and data.size is not None and data.size < recipe.train.batch_size:
        yield too_large(recipe.train.batch_size, data.size)


def _unmet_trackers(recipe: Recipe) -> Iterator[str]:
    if recipe.track is None:
        return
    from accelerate.tracking import get_available_trackers

    installed = {str(name) for name in get_available_trackers()}
    for name in recipe.track.to:
        if name not in installed:
            yield f'[track] to: "{name}" is not installed. Install it with `pip install {name}`.'


def _unmet_memory(recipe: Recipe, state_bytes: int, activation_bytes: int) -> Iterator[str]:
    if device_kind() != "cpu":
        return
    if lack := lack_of_memory(state_bytes):
        yield (
            f"[model]: its weights, gradients and moments take {lack}. Use a smaller [model], or samples of a smaller "
            "shape."
        )
    elif lack := lack_of_memory(state_bytes + activation_bytes):
        train = recipe.train
        yield (
            f"[train] batch_size = {train.batch_size}, accumulate = {train.accumulate}: a step takes {lack}. Use a "
            "smaller batch_size, or a larger accumulate."
        )
