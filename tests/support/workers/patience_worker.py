"""One process keeps the others waiting, as an evaluation does: started on two, with the seconds that they may wait."""

import sys
import time
from datetime import timedelta

from genkit.engine import distributed as world
from genkit.engine.distributed import World


def main() -> None:
    """Let the main process take `sys.argv[2]` seconds; `sys.argv[1]` of patience, or 0 for genkit's own."""
    if patience := float(sys.argv[1]):
        world.PATIENCE = timedelta(seconds=patience)
    processes = World()
    assert processes.size == 2
    assert processes.on_main(lambda: time.sleep(float(sys.argv[2])) or "done") == "done"
    processes.close()


main()
