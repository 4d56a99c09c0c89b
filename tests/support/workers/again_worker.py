"""Script for several processes: forms a group again and again, as a program does that trains several recipes."""

from genkit.engine.distributed import World

for _ in range(4):
    with World() as world:
        assert world.any(world.rank == world.size - 1)
