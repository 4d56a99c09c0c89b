"""Plans that print themselves as `genkit plan` prints them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

from genkit.console.captured import html_of, text_of
from genkit.console.output import Console
from genkit.engine.threads import choose_threads
from genkit.engine.workers import choose_workers
from genkit.errors import UsageError
from genkit.notebook.arguments import checked_arguments
from genkit.notebook.memory import MemoryData, held_by, with_memory
from genkit.notebook.recipe import RecipeSource, read_recipe
from genkit.parts.datasets.in_memory import samples_held
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.trial.stand_in import with_stand_in
from genkit.runs.plan_report import print_keys, print_plan


@dataclass(frozen=True, repr=False)
class ReadablePlan(Plan):
    """A plan whose representation is what `genkit plan` prints, also in a notebook."""

    memory: MemoryData | None = None  # the samples to train on, if they are in memory

    def __repr__(self) -> str:
        return text_of(self._print)

    def _repr_html_(self) -> str:
        return html_of(self._print)

    def _print(self, console: Console) -> None:
        threads = choose_threads(self)
        print_plan(self, threads, choose_workers(self, threads.number), console)
        print_keys(self, console)
        for text in self.lacks:
            console.print(f"unmet: {text}")

    @cached_property
    def lacks(self) -> tuple[str, ...]:
        """What this machine lacks to train the recipe, each with the remedy."""
        return (*self.unmet, *self.unmet_start)


@checked_arguments()
def plan(recipe: RecipeSource | Plan, *, data: MemoryData | None = None, stand_in: bool = False) -> ReadablePlan:
    """Check a recipe, and return its plan: the parts, the phases of a step with their costs, and all keys.

    Args:
        recipe: A TOML file, the name of a shipped recipe, or what `genkit.read_recipe` has returned.
        data: Samples in memory to train on in place of those of the recipe: `genkit.data_from`.
        stand_in: Whether to use generated samples of the shape of the recipe's data instead of them.

    Nothing is trained or written. Raises `RecipeError` with all mistakes, each with its place, and `UsageError` for a
    file that cannot be read.
    """
    if isinstance(recipe, Plan):
        if data is not None or stand_in:
            raise UsageError("plan: already has data. Pass the recipe with `data` or `stand_in`.")
        made, memory = recipe, recipe.memory if isinstance(recipe, ReadablePlan) else None
    else:
        document = read_recipe(recipe).document()
        if data is not None and stand_in:
            raise UsageError("stand_in: the samples are given by `data`. Leave out one of them.")
        held, memory = held_by(data), data
        if data is not None:
            document = with_memory(document, data)
        with samples_held(held):
            made = make_plan(with_stand_in(document) if stand_in else document)
    return ReadablePlan(**{item.name: getattr(made, item.name) for item in fields(Plan)}, memory=memory)
