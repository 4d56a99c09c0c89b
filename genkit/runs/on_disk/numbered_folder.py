"""Numbered folders of new runs: ``runs/0007-as-introvae-8gaussians-s0``."""

from __future__ import annotations

import re
from pathlib import Path

from filelock import FileLock

NAME_CHARACTERS = 60  # at most, of the recipe's name in the name of a run folder


def create_numbered(root: Path, recipe: str, seed: int) -> Path:
    """Create the next numbered folder in `root`, which is created, too. `recipe` is the name or the title of a recipe.

    Two processes that do so at the same time get different numbers. Raises `OSError`.
    """
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".numbering.lock"):
        taken = [int(found.group()) for path in root.iterdir() if (found := re.match(r"\d{4,}", path.name))]
        path = root / f"{max(taken, default=0) + 1:04d}-{_slug(recipe)}-s{seed}"
        path.mkdir()
    return path


def _slug(name: str) -> str:
    """Return a name with only a-z, 0-9 and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:NAME_CHARACTERS]
