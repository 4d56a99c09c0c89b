"""A part in its own process, with an end that it cannot miss.

In tiny form the processes are forked from one that has imported everything: an import takes longer than a tiny part.
On a GPU each process starts a new interpreter, because CUDA does not survive a fork.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.gpu.parts import PARTS, rows_of
from benchmarks.gpu.rows import Row, failed
from benchmarks.gpu.settings import Settings

GRACE = 20.0  # seconds that a part may take longer than its time, to end the check that it has begun
SECONDS_BETWEEN_LOOKS = 0.2


def run_apart(part: str, settings: Settings, seconds: float) -> Iterator[list[Row]]:
    """Run a part in its own process, and yield all of its rows so far whenever there are more.

    The last row says how the process ended, if it was stopped or crashed.
    """
    context = multiprocessing.get_context("forkserver" if settings.tiny else "spawn")
    context.set_forkserver_preload([f"benchmarks.gpu.{name}" for name in PARTS])
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        lines, errors = Path(folder) / "lines", Path(folder) / "errors"
        process = context.Process(target=_write_rows, args=(part, settings, seconds, lines, errors))
        process.start()
        seen = 0
        try:
            while process.is_alive() and time.monotonic() - start < seconds + GRACE:
                process.join(SECONDS_BETWEEN_LOOKS)
                if len(rows := _read(lines)) > seen:
                    seen = len(rows)
                    yield rows
        finally:
            late = process.is_alive()
            if late:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # with the processes that it has started
                process.join()
        rows = _read(lines)
        if late:
            rows.append(failed(part, "", f"stopped after {time.monotonic() - start:.0f} s"))
        elif process.exitcode:
            said = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            rows.append(failed(part, "", " ".join([f"the process ended with exit code {process.exitcode}", *said])))
        yield rows


def _write_rows(part: str, settings: Settings, seconds: float, lines: Path, errors: Path) -> None:
    """Write the rows of a part to a file, one a line."""
    os.setsid()
    tempfile.tempdir = str(lines.parent)  # which is removed also after a crash
    for stream, path in ((1, os.devnull), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream)
    with lines.open("a", encoding="utf-8") as file:
        for row in rows_of(part, settings, seconds):
            print(json.dumps(row), file=file, flush=True)


def _read(lines: Path) -> list[Row]:
    """Return the complete lines of a file."""
    text = lines.read_text(encoding="utf-8") if lines.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
