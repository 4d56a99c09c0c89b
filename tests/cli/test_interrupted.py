"""Ctrl-C at any moment of a command: one line, and exit code 130."""

import os
import signal
import subprocess
import sys
import time

import pytest
from support.commands import TINY, write_recipe

from genkit.errors import Interrupted
from genkit.launched import UNSAID

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
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": cwd, "env": buffered}
    process = subprocess.Popen([sys.executable, "-c", READY.format(first=first), *arguments], **pipes)
    assert process.stdout.readline() == "ready\n"
    return process


def interrupt(process, number=signal.SIGINT):
    process.send_signal(number)
    out, err = process.communicate(timeout=900)
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
    code, out, err = interrupt(start(tmp_path, "--help", first="import time; time.sleep(300)"))
    assert (code, out, err.count("\n")) == (Interrupted.exit_code, "", 1), err


def test_of_several_processes_the_one_that_has_started_them_says_so(tmp_path):
    variables = "{'GENKIT_LAUNCHER': '1', 'WORLD_SIZE': '2'}"
    first = f"import os, time; os.environ.update({variables}); print('set', flush=True); time.sleep(300)"
    process = start(tmp_path, "--help", first=first)
    assert process.stdout.readline() == "set\n"
    assert interrupt(process) == (UNSAID, "", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_has_ended_keeps_its_output_and_exit_code(tmp_path, number):
    """Python takes a moment to end, in which it would print a traceback for Ctrl-C."""
    late = "(sys.stdout.flush(), print('kept', end=''), os.write(1, b'late\\n'), time.sleep(300))"
    at_end = f"import atexit, os, sys, time; atexit.register(lambda: {late})"
    process = start(tmp_path, "--version", first=at_end)
    shown = "".join(iter(process.stdout.readline, "late\n"))
    assert interrupt(process, number) == (0, "kept", "") and "genkit-torch" in shown


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_command_that_is_interrupted_while_python_ends_keeps_its_exit_code(tmp_path, number):
    """When nothing is left to do, Python takes its handlers of signals away, and then forgets the modules."""
    at_end = (
        f"import os, signal, sys; end = os.kill; number = signal.{number}; own = os.getpid()\n"
        "    class Last:\n"
        "        def __del__(self, end=end, own=own, number=number): end(own, number)\n"
        "    sys.last_of_all = Last()"
    )
    process = start(tmp_path, "--version", first=at_end)
    out, err = process.communicate(timeout=900)
    assert (process.returncode, err) == (0, "") and "genkit-torch" in out


SWALLOWED = {
    "an import that may fail": "try: os.kill(own, signal.SIGINT); time.sleep(9)\n    except BaseException: pass",
    "a finaliser": "class Last:\n        def __del__(self): os.kill(own, signal.SIGINT)\n    Last()",
    "a callback": "kept = [{1}]; seen = weakref.ref(kept[0], lambda _: os.kill(own, signal.SIGINT)); kept.clear()",
}


@pytest.mark.parametrize("where", SWALLOWED)
def test_an_interrupt_that_is_swallowed_stops_the_command_a_moment_later(tmp_path, where):
    """Some libraries try an import and go on after any exception; Python itself drops those of some callbacks."""
    (tmp_path / "swallow.py").write_text(
        "import os, signal, time, weakref\n"
        "own = os.getpid()\n"
        f"def plan(*given, **options):\n    {SWALLOWED[where]}\n    time.sleep(300)\n"
    )
    write_recipe(tmp_path)
    first = "import genkit.recipe.plan as p, swallow; p.make_plan = swallow.plan"
    process = start(tmp_path, "plan", "tiny.toml", first=first)
    out, err = process.communicate(timeout=900)
    assert (process.returncode, out, err.count("\n")) == (Interrupted.exit_code, "", 1), err


def test_an_interrupt_within_an_import_leaves_no_half_of_a_module(tmp_path):
    """torch goes on without a NumPy that cannot be imported; half of it lets imports fail that come later."""
    write_recipe(tmp_path)
    first = (
        "import os, signal\n"
        "    own, left = os.getpid(), ['numpy.dtypes']\n"
        "    def seen(event, given):\n"
        "        if event == 'import' and given[0] in left: left.clear(), os.kill(own, signal.SIGINT)\n"
        "    sys.addaudithook(seen)"
    )
    out, err = start(tmp_path, "plan", "tiny.toml", first=first).communicate(timeout=900)
    assert (out, err.count("\n")) == ("", 1) and err.startswith("stopped"), err
