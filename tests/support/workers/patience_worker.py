"""Script for two processes: one process makes the other wait, as an evaluation does."""

import sys
import time
from datetime import timedelta

from genkit.engine import process_group
from genkit.engine.distributed import World


def main() -> None:
    """Keep the main process busy for `sys.argv[2]` seconds. `sys.argv[1]` is the time-out; 0: genkit's default."""
    if patience := float(sys.argv[1]):
        process_group.PATIENCE = timedelta(seconds=patience)
    processes = World()
    assert processes.size == 2
    assert processes.on_main(lambda: time.sleep(float(sys.argv[2])) or "done") == "done"
    processes.close()


main()
