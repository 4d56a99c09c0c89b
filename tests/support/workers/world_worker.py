"""Script for one or more processes: trains short recipes and writes their states.

With " compiled" after its name, a loss is trained with compiled networks; with " half-compiled", one process fails to.
"""

import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path

from support.tiny_recipes import tensors_of, tiny_recipe

from genkit.engine import compilation
from genkit.engine.distributed import World
from genkit.engine.loop import train_steps
from genkit.engine.state import initial_state
from genkit.errors import GenkitWarning
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import Recipe, Train, Use
from genkit.storage.weights import write_tensors


def plan_of(loss: str, precision: str) -> Plan:
    """Return a plan of a tiny loss, of images, of a learnt prior, or of a published method in two dimensions."""
    training = Train(steps=20, batch_size=8, precision=precision)
    if loss in ("coupled", "reached-in-warm-up"):
        from support.tiny_parts import registry_with

        recipe = tiny_recipe(loss=Use(loss, weight=0.5, warmup_steps=2), train=training)
        return make_plan(recipe, registry=registry_with(), try_step=False)
    if loss == "acting":
        from support.tiny_parts import registry_with

        return make_plan(tiny_recipe(loss=Use(loss), train=training), registry=registry_with(), try_step=False)
    adam = Use("adam", lr=1e-3)
    data, model, loss_part = Use("8-gaussians"), Use("mlp", width=16), Use(loss, warmup_steps=2)
    if loss == "images":
        data, loss_part = Use("digits"), Use("vae")
        model = Use("introvae-conv", latent_dim=4, channels=(4, 8), norm="sync-batch")
    children = ["encoder", "decoder"]
    if loss == "mixture":
        prior = Use("mixture", components=5, learnt=True, learnt_weights=True, kl="sampled", draws=4)
        model, loss_part, children = Use("mlp", width=16, prior=prior), Use("vae"), [*children, "prior"]
    recipe = Recipe(
        title=loss,
        data=data,
        model=model,
        loss=loss_part,
        optimiser=dict.fromkeys(children, adam),
        train=training,
    )
    return make_plan(recipe, registry=load_registry(), try_step=False)


def main() -> None:
    """Train each LOSS/PRECISION of the arguments into a folder of that name. Assert the number of processes."""
    out, size = Path(sys.argv[1]), int(sys.argv[2])
    for training in sys.argv[3:]:
        name, precision = training.split("/")
        loss, _, compiled = name.partition(" ")
        plan = plan_of(loss, precision)
        train = replace(plan.recipe.train, compile=bool(compiled))
        plan = replace(plan, recipe=replace(plan.recipe, train=train))
        fails = compiled == "half-compiled" and os.environ["RANK"] == "1"
        compilation.BACKEND = "no-such-backend" if fails else "aot_eager"  # which needs no C++ compiler
        warnings.simplefilter("ignore" if compiled == "half-compiled" else "error", GenkitWarning)
        world = World(precision)
        assert world.size == size
        state = initial_state(plan, world)
        records = list(train_steps(plan, state, world))
        terms = world.mean(
            records[-1].terms["vae/total" if loss in ("images", "mixture", "acting") else "encoder/total"]
        )
        if world.is_main:
            (out / name).mkdir(parents=True, exist_ok=True)
            write_tensors(out / training, {**tensors_of(state), "terms": terms})
    world.close()


main()
