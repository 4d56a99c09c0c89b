"""Set-up of all tests: `support` and `benchmarks` can be imported, torch uses one thread, the cache is temporary.

Global generators are seeded, and nothing depends on the order of the tests.
"""

import gc
import math
import os
import random
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from genkit.console import output

sys.path.insert(0, str(Path(__file__).parent))
from support.entry_points import remember_entry_points
from support.quick_pictures import draw_blank, draw_quickly, lay_out

sys.path.append(str(Path(__file__).parents[1]))  # for `benchmarks`, which is not installed
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the processes that tests start
output.SECONDS_BETWEEN_LINES = math.inf  # on stderr, of work that takes so long on a busy machine only
draw_quickly()
remember_entry_points()
os.environ.pop("COLUMNS", None)  # the width of outputs, which a process of pytest-xdist has at 80

# A shell that starts pytest in the background lets it ignore SIGINT, and `nohup` SIGHUP. Tests send both.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)


def pytest_addoption(parser):
    parser.addoption("--regenerate-golden", action="store_true", help="write tests/golden/ from this run")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect without the collector of garbage, which takes a third of the time, and let it pass over the tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)  # it ran a hundred times a second


def pytest_collection_modifyitems(items):
    """Mark every test as fast that is not marked otherwise, and those that look at a page in a browser."""
    for item in items:
        if "browser" in item.fixturenames:
            item.add_marker("browser")
        if not any(item.get_closest_marker(name) for name in ("trains", "slow", "gpu")):
            item.add_marker("fast")


def _seed(name: str) -> None:
    """Seed the global generators by a name, so that what tests draw does not depend on those that ran before.

    Without an accelerator, `torch.manual_seed` writes down for each kind of one where it was called, in 2 ms.
    """
    seed = zlib.crc32(name.encode())
    seed_torch = torch.manual_seed if torch.accelerator.is_available() else torch.default_generator.manual_seed
    seed_torch(seed), np.random.seed(seed), random.seed(seed)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef):
    """Seed each fixture: the first test that needs it makes it for all, and that differs from run to run."""
    _seed(fixturedef.argname)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    """Seed each test."""
    _seed(item.nodeid)


@pytest.fixture(autouse=True)
def _fast_tests_start_no_process(request, monkeypatch):
    """Fail a fast test that starts a process.

    matplotlib may start one: `fc-list`, which lists the fonts of the machine at its first use there. NumPy 1.26 starts
    `lscpu`, where its module of tests is imported.
    """
    if request.node.get_closest_marker("fast"):
        start = subprocess.Popen.__init__

        def refuse(process, command, *arguments, **options):
            if command != "lscpu" and command[0] != "fc-list":
                pytest.fail("a fast test starts a process: mark it with pytest.mark.trains")
            start(process, command, *arguments, **options)

        monkeypatch.setattr(subprocess.Popen, "__init__", refuse)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Set the cache to a temporary folder that all tests share."""
    monkeypatch.setenv("GENKIT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """Set the cache to a new, empty folder for one test."""
    monkeypatch.setenv("GENKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def never_collapsed(monkeypatch):
    """Let no model count as collapsed: most models of tests are, after a few steps."""
    for limit in ("LEAST_SHARE", "LITTLE_SHARE"):
        monkeypatch.setattr(f"genkit.runs.trained_models.collapse.{limit}", float("-inf"))


@pytest.fixture
def without_home(monkeypatch):
    """Make the user's home folder unknown, as in a container with a user id that has no name and without HOME."""
    monkeypatch.delenv("GENKIT_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)


@pytest.fixture
def isolated(tmp_path, monkeypatch):
    """Run the test in an empty folder, without plugins. Return the folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENKIT_PLUGINS", "none")
    return tmp_path


@pytest.fixture
def holding(tmp_path, monkeypatch):
    """Let trainings in other processes wait for a signal; see `support.holding`."""
    from support.holding import Holding

    return Holding(tmp_path / "site-of-hold", monkeypatch)


@pytest.fixture
def laid_out(monkeypatch):
    """Lay out the pictures of this test as those of a user, in full size and so that no text covers another."""
    lay_out(monkeypatch)


@pytest.fixture
def blank_pictures(monkeypatch):
    """Leave the pictures of matplotlib blank: the test looks at none, and trains many runs."""
    draw_blank(monkeypatch)


@pytest.fixture
def golden(request, tmp_path):
    """Compare whole messages with the files in `tests/golden/`; see `support.messages.Golden`."""
    from support.messages import Golden

    return Golden(request.config.getoption("--regenerate-golden"), {str(tmp_path): "TMP"})
