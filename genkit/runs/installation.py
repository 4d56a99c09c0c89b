"""Facts about this installation of genkit, and the problems that stop it from working."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import torch

from genkit.errors import UsageError
from genkit.recipe.installed.describe_parts import name_clashes
from genkit.recipe.installed.registry import load_registry
from genkit.storage.cache import cache_folder
from genkit.storage.os_errors import free, why_unwritable

DISTRIBUTIONS = ("genkit-torch", "torch", "accelerate", "safetensors", "datasets", "pluggy", "pydantic", "numpy")


def installation_facts() -> dict[str, Any]:
    """Return versions, the device, threads, free disk space and the loaded plugins, by name."""
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return {
        "python": platform.python_version(),
        **{name: _version(name) or "not installed" for name in DISTRIBUTIONS},
        "device": f"{accelerator} ({torch.accelerator.device_count()} of them)" if accelerator else "cpu",
        "threads": f"{torch.get_num_threads()} on {os.cpu_count()} cores",
        "prepared": _describe_cache(),
        "disk": f"{free(Path())} free here",
        "plugins": ", ".join(str(owner) for owner in load_registry().owners),
    }


def installation_problems() -> list[str]:
    """Return what is wrong, each with its remedy."""
    registry = load_registry()
    problems = [f"plugin not loaded: {broken}" for broken in registry.broken]
    for clash in name_clashes(registry):
        problems.append(f"{clash['kind']} {clash['name']}: has two owners: {' and '.join(clash['owners'])}")
    if other := _version("genkit"):
        problems.append(
            f"genkit {other}: an unrelated distribution with the same import name. Run `pip uninstall genkit`, then "
            "reinstall genkit-torch"
        )
    if reason := why_unwritable(Path()):
        problems.append(f"runs cannot be written here: {reason}. Change to another folder, or use --runs")
    return [*problems, *_problems_of_cache()]


def _describe_cache() -> str:
    try:
        return f"the cache of pictures and features is {cache_folder()} ({free(cache_folder())} free)"
    except UsageError:
        return "the cache of pictures and features is unknown"


def _problems_of_cache() -> list[str]:
    try:
        folder = cache_folder()
    except UsageError as error:
        return [str(error)]
    reason = why_unwritable(folder)
    remedy = "Set GENKIT_CACHE to a folder that can be written"
    return [f"the cache {folder} cannot be written: {reason}. {remedy}"] if reason else []


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
