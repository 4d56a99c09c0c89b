"""The recipes that genkit ships: `recipes/` of a checkout, or its copy in an installed package."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

from genkit.errors import UsageError, near_miss
from genkit.storage.os_errors import describe_os_error


def recipes_folder() -> Path:
    """Return the folder of the shipped recipes."""
    installed = Path(__file__).parents[1] / "shipped_recipes"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "recipes"


def shipped_recipes() -> dict[str, str]:
    """Return the titles of the shipped recipes by name."""
    paths = sorted(recipes_folder().glob("*.toml"))
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")).get("title", "") for path in paths}


def copy_shipped_recipe(name: str, to: Path | None = None) -> Path:
    """Copy a shipped recipe to a file, or into a folder as NAME.toml, by default the current one; return the file.

    Raises `UsageError` for an unknown name, and for a file that exists or cannot be written.
    """
    name = name.removesuffix(".toml")
    if name not in shipped_recipes():
        raise UsageError(f'unknown recipe "{name}".{near_miss(name, shipped_recipes())}')
    target = to or Path(f"{name}.toml")
    if target.is_dir():
        target = target / f"{name}.toml"
    if target.exists():
        raise UsageError(f"{target}: already exists. Name another file.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(recipes_folder() / f"{name}.toml", target)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {describe_os_error(error, target)}.") from None
    return target
