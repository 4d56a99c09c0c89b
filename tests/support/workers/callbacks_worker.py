"""Script for several processes: trains with callbacks that fail, and that stop the run, on the main process only."""

import os
import sys
import warnings
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import ClassVar
from unittest.mock import patch

from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_recipe

import genkit
from genkit.engine.distributed import World
from genkit.errors import UsageError
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import Checkpoint, Report
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.train import train_in_folder


class Failing(genkit.Callback):
    """Fails after the first step."""

    def stepped(self, step):
        raise RuntimeError("out of ideas")


class StopAt(genkit.Callback):
    """Stops the run after a step that is not saved otherwise."""

    stops: ClassVar[bool] = True

    def stepped(self, step):
        if step == 7:
            raise genkit.StopTraining("that will do")


def main() -> None:
    """Train into the folder of the argument. Only the main process knows of the callbacks."""
    recipe = tiny_recipe(checkpoint=Checkpoint(every=5), report=Report(log_every=4, draw_every=99, strip_steps=(3,)))
    plan = make_plan(recipe, registry=registry_with())
    with World() as world:  # the group outlives the training, and the failures after it
        check_callbacks(plan)
        check_that_all_fail_together(plan, world)


def check_callbacks(plan: Plan) -> None:
    """Train with callbacks on the main process only, and assert what is reported."""
    callbacks = [Failing(), StopAt()] if os.environ["RANK"] == "0" else []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        genkit.train(plan, sys.argv[1], callbacks=callbacks)
    reported = [str(each.message) for each in caught if "Failing" in str(each.message)]
    assert len(reported) == (os.environ["RANK"] == "0"), reported


def check_that_all_fail_together(plan: Plan, world: World) -> None:
    """Assert that an error of one process, where only that one may find it, is raised on all."""
    (path,) = Path(sys.argv[1]).glob("0001-*")
    places = [
        ("genkit.runs.training.draw_during_training.save_previews", "0"),
        ("genkit.runs.training.draw_during_training.save_strip_row", "0"),
        ("genkit.runs.training.checkpoint.save", "0"),
        ("genkit.runs.training.live_run.check_data_fingerprint", "1"),
        ("genkit.runs.training.checkpoint.load", "1"),
    ]
    for place, rank in places:
        failing = patch(place, side_effect=UsageError(place)) if os.environ["RANK"] == rank else nullcontext()
        try:
            with failing:
                folder = RunFolder(path)
                if rank == "0":
                    folder = RunFolder(Path(sys.argv[1]) / place)
                    world.on_main(partial(folder.begin, plan.document, dict(plan.resolved)))
                train_in_folder(plan, folder, world)
        except UsageError as error:
            assert str(error) == place, error
        else:
            raise AssertionError(f"went on after {place}")


if __name__ == "__main__":
    main()
