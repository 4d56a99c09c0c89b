"""Everything that needs a GPU, in at most eight minutes, into one JSON file.

Each part runs in its own process with its own share of the time. A part that crashes or does not end is a row with the
error, and the others go on. The file is rewritten as rows arrive. The exit code is 1 if a claim does not hold.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.gpu.apart import run_apart
from benchmarks.gpu.parts import BUDGET, PARTS
from benchmarks.gpu.result import Result
from benchmarks.gpu.settings import Settings
from genkit.console.output import Console


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    names = ",".join(PARTS)
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS), help=f"of {names}")
    parser.add_argument("--budget", type=float, default=BUDGET, metavar="SECONDS", help="of all parts together")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), metavar="FILE", help="by default gpu.json")
    parser.add_argument("--tiny", action="store_true", help="on the CPU, with the smallest networks and fewest steps")
    mistake = "change one side of each comparison: every claim must then fail"
    parser.add_argument("--mistake", action="store_true", help=mistake)
    given = parser.parse_args(arguments)
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"--parts: unknown: {', '.join(sorted(unknown))}; choose from {names}")
    if not given.tiny and not torch.cuda.is_available():
        parser.error("no CUDA device on this machine; --tiny runs the parts on the CPU in small form")

    settings = Settings("cpu" if given.tiny else "cuda", given.tiny, given.mistake)
    result = Result(asdict(settings) | {"budget_s": given.budget, "parts": given.parts})
    end = time.monotonic() + given.budget
    for number, name in enumerate(given.parts):
        waiting = sum(PARTS[other].seconds for other in given.parts[number:])
        start = time.monotonic()
        seconds = max(0.0, end - start) * PARTS[name].seconds / waiting  # a part that ends early leaves more
        for rows in run_apart(name, settings, seconds):
            result.parts[name] = {"seconds": time.monotonic() - start, "rows": rows}
            result.write(given.out)
    result.complete = True
    result.write(given.out)
    result.print(Console())
    return 1 if result.failures else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the process of the part is ended, too
    sys.exit(main())
