"""Check of the model that a warm start takes its weights from, beyond the names and shapes of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from genkit.errors import UsageError
from genkit.recipe.binding.bind import Binder, Invalid
from genkit.recipe.binding.bind_model import bind_model
from genkit.recipe.binding.bind_recipe import BoundRecipe
from genkit.recipe.checks import Finding
from genkit.recipe.installed.registry import Registry
from genkit.recipe.text.document import Document, read
from genkit.storage.exported_folder import read_config
from genkit.storage.exported_weights import is_exported_only
from genkit.storage.names import CONFIG, RECIPE
from genkit.storage.weights import model_folder

RETURNS = {"identity": "samples", "sigmoid": "logits"}


def check_warm_start(bound: BoundRecipe, registry: Registry) -> Iterator[Finding]:
    """Check that the decoder of the weights returns what the decoder of the recipe returns: samples, or logits.

    Says nothing about a folder that cannot be read: the plan lists it as unmet.
    """
    path = bound.recipe.train.warm_start if bound.recipe is not None else None
    if path is None or (trained := _link_in(model_folder(path), registry)) in (None, bound.model.link):
        return
    text = (
        f"the decoder of {path} returns {RETURNS[trained]}, that of this recipe {RETURNS[bound.model.link]}. Set the "
        "`error` in [model] to that of the trained model, or leave warm_start out."
    )
    yield Finding(("train", "warm_start"), text)


def _link_in(folder: Path, registry: Registry) -> str | None:
    try:
        config = read_config(folder) if is_exported_only(folder) else None
        document = read(folder / RECIPE) if config is None else Document(config["recipe"], str(folder / CONFIG))
        return bind_model(Binder(registry, document), document.tables.get("model"), ("model",)).link
    except (UsageError, Invalid, OSError):
        return None
