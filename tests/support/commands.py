"""Calls of the command line, in the process of the test or in other processes."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import typer.main

from genkit.__main__ import run_command

# A call of typer builds all commands anew, in 30 ms. A process makes one call, the tests of a process make thousands.
typer.main.get_command = cache(typer.main.get_command)

WORKERS = Path(__file__).parent / "workers"
TINY = """\
title = "tiny"

[data]
use = "8-gaussians"

[model]
use = "mlp"
width = 16

[loss]
use = "vae"

[optimiser.encoder]
use = "adam"
lr = 1e-3

[optimiser.decoder]
use = "adam"
lr = 1e-3

[train]
steps = 5
batch_size = 16

[metrics.modes]
samples = 100
"""

IMAGES = (
    TINY.partition("[metrics.modes]")[0]
    .replace("8-gaussians", "digits")
    .replace('use = "mlp"\nwidth = 16', 'use = "small-conv"\nlatent_dim = 4\nchannels = [4]\nhidden = 8')
)


def genkit_process(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run ``genkit ARGUMENTS`` in a new process."""
    command = [sys.executable, "-m", "genkit", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=900)


def on_processes(count: int, script: str, *arguments: object) -> None:
    """Run a script of `workers/` on `count` processes, which can communicate. Each process has one thread."""
    for code, errors in ends_of(start_group(count, script, *arguments)):
        assert code == 0, errors


def on_launched_processes(count: int, script: str, *arguments: object) -> None:
    """Do the same with the launcher of torch, which ends all processes when one has failed."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={count}"]
    environment = {**os.environ, "PYTHONPATH": _path_of_workers(), "OMP_NUM_THREADS": "1"}
    command = [*launcher, str(WORKERS / script), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr


def start_group(count: int, script: str, *arguments: object) -> list[subprocess.Popen[str]]:
    """Start a script of `workers/` on `count` processes, which can communicate. The failure of one ends no other."""
    command = [sys.executable, WORKERS / script, *arguments]
    return start_processes(count, *command, variables={"PYTHONPATH": _path_of_workers()})


def _path_of_workers() -> str:
    return os.pathsep.join([str(WORKERS.parents[1]), os.environ.get("PYTHONPATH", "")])


def start_processes(
    count: int, *command: object, variables: Mapping[str, str] = MappingProxyType({})
) -> list[subprocess.Popen[str]]:
    """Start a command on `count` processes with the variables of a launcher, and one thread each."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count), "OMP_NUM_THREADS": "1"}
    group |= {"LOCAL_WORLD_SIZE": str(count), **variables}
    places = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    arguments = [*map(str, command)]
    return [subprocess.Popen(arguments, env={**os.environ, **group, **place}, **pipes) for place in places]


def ends_of(processes: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Return the exit code of each process, and what it wrote to stderr."""
    return [(process.returncode, errors) for process in processes for errors in [process.communicate(timeout=900)[1]]]


class CommandResult(NamedTuple):
    """Exit code and output of a command."""

    code: int | None
    out: str
    err: str


def genkit(*arguments: object) -> CommandResult:
    """Run ``genkit ARGUMENTS`` in this process, as the installed command does.

    An exception would be a traceback for the user, so it fails the test.
    """
    out, err, before, code = io.StringIO(), io.StringIO(), sys.argv, 0
    sys.argv = ["genkit", *map(str, arguments)]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            run_command()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = before
    return CommandResult(code, out.getvalue(), err.getvalue())


def refused(*arguments: object, code: int = 2) -> str:
    """Run a command, and return its error message. Assert its exit code, and that it prints nothing to stdout."""
    result = genkit(*arguments)
    assert (result.code, result.out) == (code, ""), result
    assert (
        result.err.startswith("error: ") or "Error: " in result.err
    )  # the second comes from the parser of the command line
    return result.err


def write_recipe(folder: Path, text: str = TINY) -> Path:
    """Write a recipe to `folder`/tiny.toml, and return its path."""
    path = folder / "tiny.toml"
    path.write_text(text)
    return path


def install(site: Path, distribution: str, module: str, source: str, version: str = "0.1.0") -> None:
    """Install a plugin into the folder `site` as pip does: a module, and metadata with its entry point."""
    site.mkdir(exist_ok=True)
    (site / f"{module}.py").write_text(source)
    files: Mapping[str, str] = {
        "METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n",
        "entry_points.txt": f"[genkit]\n{module} = {module}\n",
    }
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    for name, text in files.items():
        (info / name).write_text(text)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until the condition holds. Raises `AssertionError` after a quarter of an hour: the machine may be busy."""
    until = time.monotonic() + 900
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
