"""The recipes that genkit ships: `recipes/` of a checkout, or its copy in an installed package."""

from __future__ import annotations

import tomllib
from pathlib import Path


def recipes_folder() -> Path:
    """Return the folder of the shipped recipes."""
    installed = Path(__file__).parents[1] / "shipped_recipes"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "recipes"


def shipped_recipes() -> dict[str, str]:
    """Return the titles of the shipped recipes by name."""
    paths = sorted(recipes_folder().glob("*.toml"))
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")).get("title", "") for path in paths}
