"""Ctrl-C at any moment of a command: one line, and exit code 130."""

import signal
import subprocess
import sys
import time

import pytest
from support.commands import TINY, write_recipe

from genkit.errors import Interrupted

pytestmark = pytest.mark.trains

READY = """\
import sys, genkit.__main__ as program
run = program.run_command
def run_and_say_so():
    print("ready", flush=True)
    {first}
    run()
program.run_command = run_and_say_so
program.main()
"""


def start(cwd, *arguments, first="pass"):
    """Start a command, which says on stdout when it begins and then runs a statement first."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": cwd}
    process = subprocess.Popen([sys.executable, "-c", READY.format(first=first), *arguments], **pipes)
    assert process.stdout.readline() == "ready\n"
    return process


def interrupt(process):
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.5, 1.5, 3.0])
def test_a_command_that_is_interrupted_ends_with_one_line(tmp_path, seconds):
    write_recipe(tmp_path, TINY.replace("steps = 5", "steps = 1000000"))
    process = start(tmp_path, "run", "tiny.toml", "--quiet")
    time.sleep(seconds)
    code, _, err = interrupt(process)
    assert (code, err.count("\n")) == (Interrupted.exit_code, 1), err
    assert err.startswith("stopped")


def test_help_that_is_interrupted_while_python_imports_ends_with_one_line(tmp_path):
    code, out, err = interrupt(start(tmp_path, "--help", first="import time; time.sleep(60)"))
    assert (code, out, err.count("\n")) == (Interrupted.exit_code, "", 1), err


def test_a_command_that_has_ended_keeps_its_output_and_exit_code(tmp_path):
    """Python takes a moment to end, in which it would print a traceback for Ctrl-C."""
    at_end = "import atexit, time; atexit.register(lambda: (print('late', flush=True), time.sleep(60)))"
    process = start(tmp_path, "--version", first=at_end)
    shown = "".join(iter(process.stdout.readline, "late\n"))
    assert interrupt(process) == (0, "", "") and "genkit-torch" in shown


def test_an_interrupt_that_an_import_swallows_stops_the_command_a_moment_later(tmp_path):
    """Some libraries try an import, and go on after any exception."""
    (tmp_path / "swallow.py").write_text(
        "import os, signal, time\n"
        "def plan(*given, **options):\n"
        "    try:\n        os.kill(os.getpid(), signal.SIGINT)\n        time.sleep(9)\n"
        "    except BaseException: pass\n"
        "    time.sleep(60)\n"
    )
    write_recipe(tmp_path)
    first = "import genkit.recipe.plan as p, swallow; p.make_plan = swallow.plan"
    process = start(tmp_path, "plan", "tiny.toml", first=first)
    out, err = process.communicate(timeout=50)
    assert (process.returncode, out, err.count("\n")) == (Interrupted.exit_code, "", 1), err
