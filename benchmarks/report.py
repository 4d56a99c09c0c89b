"""Measure the pages of a run of 3,000 steps, of a comparison and of a table: seconds, memory, bytes and first paint.

    python -m benchmarks.report

A short run is trained, and its log, its evaluations and its pictures are repeated as a run of 3,000 steps with a line
for each step would have them. Each page is made in a process of its own. The first report makes the script of the
charts; the others find it in the cache. A comparison is of two such runs, whose models it runs; a table is a shipped
one. The first paint is measured in headless Chromium, if there is one.
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

from benchmarks.first_paint import first_paints
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.step_names import name_of_step

STEPS = 3_000
PREVIEWS = 30  # of each kind
TERMS = 20  # logged besides those of the recipe
SECONDS, MEGABYTES, BYTES = 5.0, 500, 3_000_000  # what a report is meant to keep to
PAINT = 1.0  # seconds to the first paint of a page
TABLE = "table1"
CHILD = "--in-this-process"


def make_run(root: Path, recipe: str = "vae_conditional_digits") -> RunFolder:
    """Return the folder of a run that looks as if it had been trained for 3,000 steps."""
    from genkit.recipe.plan import make_plan  # the process that is measured needs neither
    from genkit.runs.training.train import train

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


def write_page(kind: str, path: Path, places: list[Path]) -> None:
    """Write the page of a run, of a comparison of runs, or of a table."""
    if kind == "report":
        from genkit.runs.report.write_report import write_report

        write_report(RunFolder.open(places[0]), path)
    elif kind == "comparison":
        from genkit.runs.comparison.compare import compare
        from genkit.runs.comparison.report_of_comparison import comparison_page

        path.write_bytes(comparison_page(compare(places)))
    else:
        from genkit.tables.open_table import OpenTable
        from genkit.tables.report_of_table import table_page

        path.write_bytes(table_page(OpenTable(places[0])))


def measure(kind: str, path: Path, places: list[Path]) -> dict[str, float]:
    """Return what one page takes in this process, imports included."""
    begin = time.perf_counter()
    write_page(kind, path, places)
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


def in_process_of_its_own(kind: str, path: Path, places: list[Path], cache: Path) -> dict[str, float]:
    """Return what `measure` returns in a new process, with two threads."""
    environment = {**os.environ, "GENKIT_CACHE": str(cache), "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-m", "benchmarks.report", CHILD, kind, str(path), *map(str, places)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def row(name: str, found: dict[str, float], paint: float | None) -> str:
    """Return the printed row of a page; only that of a run has targets besides its first paint."""
    seconds = f"{found['seconds']:.2f} s ({found['cpu']:.2f} s of CPU)"
    size = f"{found['megabytes']:.0f} MB of memory, {found['bytes'] / 1e6:.2f} MB of HTML"
    painted = "first paint not measured" if paint is None else f"first paint after {paint:.2f} s"
    kept = paint is None or paint < PAINT
    targets = [] if paint is None else [f"first paint {PAINT:g} s"]
    if "report" in name:
        targets = [f"{SECONDS:g} s", f"{MEGABYTES} MB", f"{BYTES / 1e6:g} MB", *targets]
        kept &= found["seconds"] < SECONDS and found["megabytes"] < MEGABYTES and found["bytes"] < BYTES
    within = f"; within {', '.join(targets)}: {'yes' if kept else 'no'}" if targets else ""
    return f"{name}: {seconds}, {size}, {painted}{within}"


def main() -> None:
    """Print a row for each page."""
    if CHILD in sys.argv:
        kind, path, *places = sys.argv[sys.argv.index(CHILD) + 1 :]
        print(json.dumps(measure(kind, Path(path), [Path(place) for place in places])))
        return
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = make_run(root / "runs").path
        other = Path(shutil.copytree(folder, root / "runs" / "0002-the-same-run"))
        pages = {
            "first report": ("report", [folder]),
            "second report": ("report", [folder]),
            "comparison": ("comparison", [folder, other]),
            f"page of {TABLE}": ("table", [Path(f"recipes/tables/{TABLE}.toml")]),
        }
        made = {
            page: in_process_of_its_own(kind, root / f"{page}.html", places, root / "cache")
            for page, (kind, places) in pages.items()
        }
        paints = first_paints([root / f"{page}.html" for page in pages]) or {}
        for page, found in made.items():
            print(row(page, found, paints.get(f"{page}.html")))


if __name__ == "__main__":
    main()
