"""What all tests share: `parts` can be imported, torch has one thread, and nobody's cache is written to."""

import os
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes that tests start


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Keep what tests prepare out of the cache of whoever runs them."""
    monkeypatch.setenv("GENKIT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
