"""Script for two processes: trains with and without workers that load the data, and asserts equal bits."""

from support.tiny_recipes import assert_same_bits, tensors_of, tiny_plan

from genkit.engine.distributed import World
from genkit.engine.loop import train_steps
from genkit.engine.state import initial_state
from genkit.recipe.plan import Plan
from genkit.recipe.tables import Train, Use


def trained(plan: Plan, world: World, workers: int) -> dict:
    """Return the tensors of the state after the last step."""
    state = initial_state(plan, world)
    assert len(list(train_steps(plan, state, world, workers=workers))) == plan.steps
    return tensors_of(state)


def main() -> None:
    """Train on numbered points, each process on its share."""
    train = Train(steps=6, batch_size=8, accumulate=2, inexact_accumulation=True)
    plan, world = tiny_plan(data=Use("numbered"), train=train), World()
    assert world.size == 2
    assert_same_bits(trained(plan, world, 0), trained(plan, world, 1))
    world.close()


main()
