"""Measure the report of a run of 3,000 steps: seconds, memory and bytes, in a process of its own.

    python -m benchmarks.report

A short run is trained, and its log, its evaluations and its pictures are repeated as a run of 3,000 steps with a line
for each step would have them. The first report makes the script of the charts; the second finds it in the cache.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from genkit.runs.run_folder import RunFolder
from genkit.runs.step_names import name_of_step

STEPS = 3_000
PREVIEWS = 30  # of each kind
TERMS = 20  # logged besides those of the recipe
SECONDS, MEGABYTES, BYTES = 5.0, 500, 3_000_000  # what the report is meant to keep to
CHILD = "--in-this-process"


def make_run(root: Path, recipe: str = "vae_conditional_digits") -> RunFolder:
    """Return the folder of a run that looks as if it had been trained for 3,000 steps."""
    from genkit.recipe.plan import make_plan  # the process that is measured needs neither
    from genkit.runs.train import train

    folder = train(make_plan(Path(f"recipes/{recipe}.toml"), overrides=["train.steps=2"]), root)
    line = folder.lines()[-1]
    more = {f"vae/term{number // 4}_{number % 4}": 1.0 for number in range(TERMS)}
    lines = ({**line, **more, "step": step, "vae/total": 1 / step} for step in range(1, STEPS + 1))
    folder.metrics.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    for picture in list(folder.samples.glob("step-00000002-*.png")):
        kind = picture.name.removeprefix(name_of_step(2))
        for number in range(PREVIEWS):
            shutil.copyfile(picture, folder.samples / (name_of_step(number * STEPS // PREVIEWS + 3) + kind))
    return folder


def measure(folder: Path) -> dict[str, float]:
    """Return what one report takes in this process, imports included."""
    begin = time.perf_counter()
    from genkit.runs.write_report import write_report

    path = write_report(RunFolder.open(folder))
    used = resource.getrusage(resource.RUSAGE_SELF)
    status = Path("/proc/self/status").read_text(
        encoding="utf-8"
    )  # `ru_maxrss` also counts the process that started it
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return {
        "seconds": time.perf_counter() - begin,
        "cpu": used.ru_utime + used.ru_stime,
        "megabytes": peak / 1024,
        "bytes": path.stat().st_size,
    }


def main() -> None:
    """Print a row for the first and one for the second report."""
    if CHILD in sys.argv:
        print(json.dumps(measure(Path(sys.argv[-1]))))
        return
    with tempfile.TemporaryDirectory() as root:
        folder = make_run(Path(root) / "runs")
        environment = {**os.environ, "GENKIT_CACHE": str(Path(root) / "cache"), "OMP_NUM_THREADS": "2"}
        for name in ("first", "second"):
            command = [sys.executable, "-m", "benchmarks.report", CHILD, str(folder.path)]
            done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            kept = found["seconds"] < SECONDS and found["megabytes"] < MEGABYTES and found["bytes"] < BYTES
            seconds = f"{found['seconds']:.2f} s ({found['cpu']:.2f} s of CPU)"
            size = f"{found['megabytes']:.0f} MB of memory, {found['bytes'] / 1e6:.2f} MB of HTML"
            target = f"{SECONDS:g} s, {MEGABYTES} MB and {BYTES / 1e6:g} MB"
            print(f"{name} report: {seconds}, {size}; within {target}: {'yes' if kept else 'no'}")


if __name__ == "__main__":
    main()
