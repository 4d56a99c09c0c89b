"""Single parts of the recipe of a trained model: it is used without its loss, and often without its data."""

from __future__ import annotations

from collections.abc import Sequence

from genkit.core.dataset import Dataset
from genkit.core.model import Model
from genkit.core.score import Score
from genkit.errors import RecipeError, UsageError
from genkit.recipe.binding.bind import Binder, Invalid
from genkit.recipe.binding.bind_model import PRIOR, bind_model
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.text.document import Document
from genkit.recipe.text.overrides import parted, with_override


def build_model(document: Document, data_shape: tuple[int, ...]) -> Model:
    """Return the untrained model of a recipe. Raises `RecipeError`."""
    binder = Binder(load_registry(), document)
    try:
        bound = bind_model(binder, document.tables.get("model"), ("model",))
        model: Model = binder.construct(bound.build_network, {"data_shape": data_shape}, ("model",))
        binder.construct(bound.add_prior, {"model": model}, ("model", PRIOR))
        if not binder.problems:
            return model
    except Invalid:
        pass
    raise RecipeError(binder.problems)


def build_data(document: Document) -> Dataset:
    """Return the data set of a recipe. Raises `RecipeError`."""
    binder = Binder(load_registry(), document)
    try:
        data: Dataset = binder.part("datasets", document.tables.get("data"), ("data",))
        return data
    except Invalid:
        raise RecipeError(binder.problems) from None


def build_score(name: str, overrides: Sequence[str] = ()) -> Score:
    """Return the score of that name. `overrides` are those of ``--set``, such as ``"score.draws=50"``.

    Raises `RecipeError`, and `UsageError` for an override that names a score.
    """
    document = Document({"score": {"use": name}}, overrides={("score", "use"): "--score"})
    for override in overrides:
        if parted(override, "score.draws=50")[0] in (("score",), ("score", "use")):
            raise UsageError(f"--set {override}: names a score. Use --score NAME.")
        document = with_override(document, override)
    binder = Binder(load_registry(), document)
    try:
        score: Score = binder.part("scores", document.tables["score"], ("score",))
        return score
    except Invalid:
        raise RecipeError(binder.problems) from None
