"""The environment that equal bits depend on, besides the recipe: versions, threads, processes, machine."""

from __future__ import annotations

import platform
from typing import Any

import torch

from genkit import __version__
from genkit.launched import announced_size


def environment() -> dict[str, Any]:
    """Return the facts that every checkpoint and model folder keeps."""
    return {
        "genkit": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "processes": announced_size(),
        "machine": platform.machine(),
    }
