"""Reading of a space file, with all its mistakes reported at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genkit.errors import Problem, RecipeError, UsageError
from genkit.recipe.binding.bind import Binder, Invalid
from genkit.recipe.installed.registry import Registry, load_registry
from genkit.recipe.text.document import Document, is_recipe, is_table_of_results, read
from genkit.recipe.text.shipped import shipped_space
from genkit.recipe.text.unread_file import SPACE
from genkit.tuning.space import SpaceSpec
from genkit.tuning.space_checks import check_space

WHAT = (
    "A space names a metric, and ranges or lists of values for keys. `genkit recipes` lists those that genkit ships, "
    "and `genkit recipes copy NAME` copies one to begin with."
)


@dataclass(frozen=True)
class Space:
    """A space with the document that it was read from."""

    spec: SpaceSpec
    document: Document

    @property
    def name(self) -> str:
        """The name of the file, without its ending."""
        return Path(self.document.file).stem


def read_space(path: Path, registry: Registry | None = None) -> Space:
    """Read and check a space file, or the shipped space of that name.

    Raises `RecipeError` with all problems of its content, and `UsageError` if the file cannot be read.
    """
    document = read(shipped_space(path) or path, SPACE)
    if is_recipe(document.tables):
        raise UsageError(f"--space {path}: a recipe, expected a space of a search. {WHAT}")
    if is_table_of_results(document.tables):
        raise UsageError(f"--space {path}: a table of results, expected a space of a search. {WHAT}")
    binder = Binder(registry or load_registry(), document)
    if problems := [*_keys_without_quotes(document)]:
        raise RecipeError(problems)
    try:
        arguments = binder.arguments(SpaceSpec, document.tables, (), "a space")
        spec = binder.construct(SpaceSpec, arguments, ())
    except Invalid:
        raise RecipeError(binder.problems) from None
    if problems := check_space(spec, document):
        raise RecipeError(problems)
    return Space(spec, document)


def _keys_without_quotes(document: Document) -> list[Problem]:
    """Find ``[keys.loss.beta_neg]``, which TOML reads as nested tables."""
    keys = document.tables.get("keys")
    problems = []
    for table, content in keys.items() if isinstance(keys, dict) else ():
        for key, inner in content.items() if isinstance(content, dict) else ():
            if isinstance(inner, dict):
                text = f'a dotted key needs quotation marks here. Write [keys."{table}.{key}"].'
                problems.append(Problem(document.place(("keys", table, key)), text))
    return problems
