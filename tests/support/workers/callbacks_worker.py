"""Script for several processes: trains with callbacks that fail, and that stop the run, on the main process only."""

import os
import sys
import warnings
from typing import ClassVar

from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_recipe

import genkit
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Checkpoint, Report


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
    callbacks = [Failing(), StopAt()] if os.environ["RANK"] == "0" else []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        genkit.train(plan, sys.argv[1], callbacks=callbacks)
    reported = [str(each.message) for each in caught if "Failing" in str(each.message)]
    assert len(reported) == (os.environ["RANK"] == "0"), reported


if __name__ == "__main__":
    main()
