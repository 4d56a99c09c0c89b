"""The model card, README.md of an exported folder: facts only, and blanks where only the author knows.

The block at its top is the metadata that hubs read. Every text of a recipe or a plugin is escaped for Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w
from torch import nn

from genkit import __version__
from genkit.console.escapes import spelled_out
from genkit.core.model import Autoencoder, Model
from genkit.core.result import Result
from genkit.evaluation.protocol_lines import weights_note
from genkit.recipe.default_values import unlike_defaults
from genkit.recipe.installed.owners import Supplier
from genkit.recipe.installed.registry import load_registry
from genkit.sharing.limits import limits
from genkit.sharing.places import without_places

if TYPE_CHECKING:
    from jinja2 import Template

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!~$&])")  # characters that Markdown or HTML may take for markup
TEMPLATE = "card.md.jinja"


@dataclass(frozen=True)
class CardFacts:
    """What a card says."""

    recipe: Mapping[str, Any]  # resolved, without paths of the exporter's machine
    facts: Mapping[str, Any]  # of the model folder
    model: Model
    weights: str  # "raw" or "ema"
    results: Sequence[Result]  # those of the other weights too
    plugins: Sequence[Supplier]  # that loading needs
    note: str  # what the picture of samples shows; empty without a picture
    networks: Mapping[str, Any]  # what is said of each file in ONNX, by its name
    shortened: Sequence[str]  # keys of the recipe whose paths are reduced to names
    unfinished: bool  # whether the run has not finished

    @property
    def title(self) -> str:
        """Title of the recipe."""
        return str(self.recipe.get("title", "untitled"))

    @property
    def how_long(self) -> str:
        """Length of the training, such as ``step 3000``; empty if unknown."""
        return next((f"{unit} {self.facts[unit]}" for unit in ("step", "epoch") if unit in self.facts), "")

    @property
    def weights_of_numbers(self) -> frozenset[str]:
        """The weights that the numbers are of: "raw", "ema" or both; empty without numbers."""
        return frozenset(result.protocol.weights for result in self.results if result.value is not None)

    @property
    def about_weights(self) -> str:
        """What to know about numbers of other weights than those in the folder; empty if there are none."""
        others = self.weights_of_numbers - {self.weights}
        if not others:
            return ""
        which = "Some" if self.weights in self.weights_of_numbers else "All"
        return (
            f"{which} of these numbers are of the {' and '.join(others)} weights. This folder has the {self.weights} "
            "weights; with the data of the recipe, this command computes their numbers:"
        )

    def use(self, table: str) -> str:
        """Return the name of the part in a table of the recipe; empty without one."""
        return part_of(self.recipe, table)


class Verbatim(str):
    """A text that the template prints as it is: the metadata, and the recipe within its fence."""


def model_card(card: CardFacts) -> str:
    """Return the text of README.md."""
    own = without_places(unlike_defaults(card.recipe, load_registry()))
    # No text in it begins a line, so none ends the block of code. TOML reads what is spelled out as the character.
    recipe = spelled_out(tomli_w.dumps(own)).strip()
    return _template().render(
        card=card,
        metadata=Verbatim(_metadata(card)),
        recipe=Verbatim(recipe),
        parameters=f"{parameters(card.model):,}",
        encodes=isinstance(card.model, Autoencoder),
        limits=limits(card),
        rows=[_row(result, card.weights) for result in card.results],
        version=__version__,
    )


def part_of(recipe: Mapping[str, Any], table: str) -> str:
    """Return the name of the part in a table of a recipe; empty without one."""
    found = recipe.get(table)
    return str(found.get("use", "")) if isinstance(found, Mapping) else str(found or "")


def tags_of(recipe: Mapping[str, Any]) -> list[str]:
    """Return the tags of a card: genkit, the network and the loss."""
    return sorted({"genkit", part_of(recipe, "model"), part_of(recipe, "loss")} - {""})


def parameters(module: nn.Module) -> int:
    """Return the number of values of the parameters of a network."""
    return sum(parameter.numel() for parameter in module.parameters())


def escaped(value: object) -> object:
    """Return a value for Markdown: a text on one line, without markup; `Verbatim` as it is."""
    if isinstance(value, Verbatim) or not isinstance(value, str):
        return value
    return SPECIAL.sub(r"\\\1", spelled_out(" ".join(value.split())))


def _metadata(card: CardFacts) -> str:
    """Return the metadata in YAML. Only numbers of the weights in the folder are results of the model."""
    from huggingface_hub import EvalResult, ModelCardData

    is_image = len(card.model.data_shape) == 3 and card.model.data_shape[0] in (1, 3)
    task = "unconditional-image-generation" if is_image else "other"
    results = [
        EvalResult(
            task_type=task,
            dataset_type=card.use("data"),
            dataset_name=card.use("data"),
            dataset_split=result.protocol.split,
            metric_type=str(card.recipe.get("metrics", {}).get(result.label, {}).get("use", result.label)),
            metric_name=result.label,
            metric_value=result.value,
        )
        for result in card.results
        if result.value is not None and result.protocol.weights == card.weights
    ]
    data = ModelCardData(
        library_name="genkit",
        tags=tags_of(card.recipe),
        pipeline_tag=task if is_image else None,
        model_name=spelled_out(card.title) if results else None,
        eval_results=results or None,
    )
    return str(data.to_yaml())


def _row(result: Result, weights: str) -> tuple[str, str, str, str]:
    """Return the cells of a result: label, value, direction and protocol. A value of other weights says so."""
    value = f"{result.value:.5g}" if result.value is not None else f"refused: {result.reason}"
    if result.interval is not None:
        value += " ({:.4g} to {:.4g})".format(*result.interval)
    if (note := weights_note(result.protocol.weights, weights)) and result.value is not None:
        value += f", {note}"
    better = f"{result.better} is better" if result.better else ""
    return result.label, without_places(value), better, without_places(str(result.protocol))


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        finalize=escaped,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = lambda text: Verbatim(str(text).replace("`", ""))
    return environment.get_template(TEMPLATE)
