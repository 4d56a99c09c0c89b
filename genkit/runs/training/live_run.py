"""A run: the plan, its folder on disk, the processes that train it, and the state between two steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from genkit.core.metric import ParallelMap
from genkit.core.model import Model
from genkit.core.noise import Noise, Rows
from genkit.engine.distributed import World
from genkit.engine.finite_watch import FiniteWatch
from genkit.engine.led_by_main import led_by_main
from genkit.engine.state import TrainState, initial_state
from genkit.evaluation.compute_metrics import evaluated_objects
from genkit.evaluation.data_fingerprint import check_data_fingerprint
from genkit.recipe.plan import Plan
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.trained_recipe import check_recipe_of_checkpoint
from genkit.runs.training import checkpoint
from genkit.runs.training.cut_back import cut_back

Result = TypeVar("Result")

DATA_REMEDY = "Restore the data, or start a new run; warm_start lets it begin with the weights of this one."
PREVIEW_ROWS = 64  # latent codes that the pictures of a run can show
Tell = Callable[..., None]  # passes on what a callback has made: the name of a method of `Callback`, and its arguments


@dataclass(frozen=True)
class LiveRun:
    """The state that the callbacks of genkit share: each of them logs, draws, saves or evaluates after a step."""

    plan: Plan
    folder: RunFolder
    world: World
    state: TrainState
    watch: FiniteWatch = field(default_factory=FiniteWatch)

    @classmethod
    def open(cls, plan: Plan, folder: RunFolder, world: World) -> LiveRun:
        """Return the run at its newest checkpoint, or before its first step if it has none.

        Lines, pictures and weights of later steps are deleted: training makes them again. Raises `UsageError` if
        something that the run needs is missing, if the checkpoint cannot be read, or if the recipe or the data have
        changed.
        """
        saved = world.on_main(folder.saved_steps)
        newest = folder.checkpoint(saved[-1]) if saved else None
        world.on_all(partial(_check_resume, plan, folder, newest))  # machines may have other data or another disk
        state = initial_state(plan, world, resuming=bool(saved))
        if newest is not None:
            world.on_all(partial(checkpoint.load, state, newest))
        world.on_main(lambda: cut_back(folder, state.step, plan.recipe.checkpoint.keep))
        return cls(plan, folder, world, state)

    def led_by_main(self, do: Callable[[ParallelMap], Result]) -> Result:
        """Call `do` on the main process, with networks in float32 and a map that all processes share.

        Returns its result, or raises its `GenkitError`, on every process.
        """
        with self.state.full_precision():
            return led_by_main(self.world, do, lambda: evaluated_objects(self.plan.data, self.state.weights))

    def is_due(self, step: int, every: int) -> bool:
        """Return whether `step` is a multiple of `every`, or the last step."""
        return step % every == 0 or step == self.plan.steps

    def check_finite(self) -> None:
        """Raise `Diverged` on every process if any term or weight is not finite."""
        self.watch.check(self.state, self.world, self.plan)

    @property
    def shown_weights(self) -> str:
        """The weights that pictures show: "ema" if the recipe has [ema], else "raw"."""
        return "ema" if self.state.average is not None else "raw"

    @property
    def shown_model(self) -> Model:
        """The model with the weights that pictures show."""
        return self.state.weights(self.shown_weights)

    @property
    def picture_noise(self) -> Noise:
        """The noise of pictures, the same at every step: all pictures show the same latent codes."""
        return Noise(self.plan.recipe.seed, 0, "preview", Rows.all(PREVIEW_ROWS))


def _check_resume(plan: Plan, folder: RunFolder, newest: Path | None) -> None:
    """Raise `UsageError` if the run cannot go on at its newest checkpoint on this machine."""
    plan.check_met(resuming=newest is not None)
    if newest is not None:
        facts = checkpoint.read_facts(newest)
        check_recipe_of_checkpoint(plan, folder, facts)
        check_data_fingerprint(facts.get("data") or {}, plan.data, DATA_REMEDY)
