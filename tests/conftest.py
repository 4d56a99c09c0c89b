"""What all tests share: `support` can be imported, torch has one thread, and the user's cache is not written to."""

import os
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes that tests start


def pytest_addoption(parser):
    parser.addoption("--regenerate-golden", action="store_true", help="write tests/golden/ anew from what is printed")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Keep prepared pictures and features out of the user's cache."""
    monkeypatch.setenv("GENKIT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """Give a test a cache folder of its own, empty when it starts."""
    monkeypatch.setenv("GENKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def isolated(tmp_path, monkeypatch):
    """Run the test in an empty folder, with genkit's own parts only."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENKIT_PLUGINS", "none")
    return tmp_path


@pytest.fixture
def golden(request, tmp_path):
    """Compare whole messages with `tests/golden/`; see `support.messages`."""
    from support.messages import Golden

    return Golden(request.config.getoption("--regenerate-golden"), {str(tmp_path): "TMP"})
