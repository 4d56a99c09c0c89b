"""Trains the tiny recipe and writes its state: started by the tests on one process or on several."""

import sys
from pathlib import Path

from runs import tensors_of, tiny_plan

from genkit.engine.loop import train
from genkit.engine.state import initial_state
from genkit.engine.weights import write_tensors
from genkit.engine.world import World
from genkit.recipe import Train, Use


def main() -> None:
    """Train in the precision and with the expected world size that the command names."""
    out, precision, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    plan = tiny_plan(
        loss=Use("coupled", weight=0.5, warmup_steps=2), train=Train(steps=20, batch_size=8, precision=precision)
    )
    world = World(precision)
    assert world.size == size
    state = initial_state(plan, world)
    records = list(train(plan, state, world))
    terms = world.mean(records[-1].terms["encoder/total"])
    if world.is_main:
        write_tensors(out, {**tensors_of(state), "terms": terms})
    world.close()


main()
