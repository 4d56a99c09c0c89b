"""``genkit doctor``: the environment, and what is wrong with it."""

from __future__ import annotations

import importlib.metadata
import json as json_format
import os
import platform
from pathlib import Path
from typing import Any

from genkit.cli.options import Json
from genkit.errors import RunError

DISTRIBUTIONS = ("genkit-torch", "torch", "accelerate", "safetensors", "datasets", "pluggy", "pydantic", "numpy")


def doctor(json: Json = False) -> None:
    """Show versions, devices, threads and plugins, and name what is wrong; exit code 1 if anything is."""
    facts, problems = _facts(), _problems()
    if json:
        print(json_format.dumps({"facts": facts, "problems": problems}))
    else:
        width = max(map(len, facts))
        print("\n".join(f"{name:{width}}  {value}" for name, value in facts.items()))
        print("\n".join(f"problem: {problem}" for problem in problems) or "no problems found")
    if problems:
        raise RunError(f"{len(problems)} problem{'s' * (len(problems) > 1)} found")


def _facts() -> dict[str, Any]:
    import torch

    from genkit.recipe.registry import load_registry
    from genkit.storage.cache import cache_folder
    from genkit.storage.os_errors import free

    facts: dict[str, Any] = {"python": platform.python_version()}
    facts |= {name: _version(name) or "not installed" for name in DISTRIBUTIONS}
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    facts["device"] = f"{accelerator}, {torch.accelerator.device_count()} of them" if accelerator else "cpu"
    facts["threads"] = f"{torch.get_num_threads()} of {os.cpu_count()} cores"
    facts["prepared"] = f"pictures lie in {cache_folder()}, where {free(cache_folder())} are free"
    facts["disk"] = f"{free(Path())} free here"
    facts["plugins"] = ", ".join(str(owner) for owner in load_registry().owners)
    return facts


def _problems() -> list[str]:
    from genkit.recipe.registry import load_registry
    from genkit.storage.cache import cache_folder
    from genkit.storage.os_errors import why_unwritable

    registry = load_registry()
    problems = [f"plugin {broken.owner} cannot be loaded: {broken.reason}" for broken in registry.broken]
    for (kind, name), parts in registry.parts.items():
        if len(parts) > 1:
            problems.append(f"{kind}: {name} has two owners: {' and '.join(str(part.owner) for part in parts)}")
    if other := _version("genkit"):
        problems.append(
            f"the distribution genkit {other} is an unrelated SDK that shares this import name: pip uninstall genkit, "
            "then reinstall genkit-torch"
        )
    if reason := why_unwritable(Path()):
        problems.append(f"no run can be made here, since {reason}: change to another folder, or use --runs")
    if reason := why_unwritable(cache_folder()):
        problems.append(
            f"neither pictures nor features can be prepared in {cache_folder()}, since {reason}: set GENKIT_CACHE to a "
            "folder that can be written"
        )
    return problems


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
