"""The command line, called within the test's process exactly as the installed command calls it; other processes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from genkit.__main__ import main

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
    """Call the command line in a process of its own."""
    command = [sys.executable, "-m", "genkit", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


def on_processes(count: int, script: str, *arguments: object) -> None:
    """Run a script of `workers/`, with one thread each, on so many processes that can form one world."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={count}"]
    start = launcher if count > 1 else [sys.executable]
    tests = Path(__file__).parents[1]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")]),
        "OMP_NUM_THREADS": "1",
    }
    command = [*start, str(tests / "support" / "workers" / script), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


class CommandResult(NamedTuple):
    """The exit code of a command and what it printed."""

    code: int | None
    out: str
    err: str


def genkit(*arguments: object) -> CommandResult:
    """Call ``genkit ARGUMENTS``; an exception other than an exit is a traceback for the user, and fails the test."""
    out, err, before, code = io.StringIO(), io.StringIO(), sys.argv, 0
    sys.argv = ["genkit", *map(str, arguments)]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = before
    return CommandResult(code, out.getvalue(), err.getvalue())


def refused(*arguments: object, code: int = 2) -> str:
    """Return the error message of a command that ends with this exit code and prints nothing else."""
    result = genkit(*arguments)
    assert (result.code, result.out) == (code, ""), result
    assert result.err.startswith("error: ") or "Error: " in result.err  # the second is of the command line's parser
    return result.err


def write_recipe(folder: Path, text: str = TINY) -> Path:
    """Write a recipe and return its path."""
    path = folder / "tiny.toml"
    path.write_text(text)
    return path


def install(site: Path, distribution: str, module: str, source: str, version: str = "0.1.0") -> None:
    """Install a plugin into `site` as pip would: a module, and metadata with its entry point."""
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
