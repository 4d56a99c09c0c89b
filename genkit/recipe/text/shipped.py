"""The recipes, tables and spaces that genkit ships: `recipes/` of a checkout, or its copy in an installed package."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

from genkit.errors import UsageError
from genkit.near_miss import closest
from genkit.storage.os_errors import describe_os_error

TABLES = "tables"  # the folder of the tables, in that of the recipes
SPACES = "spaces"  # the folder of the spaces of searches


def recipes_folder() -> Path:
    """Return the folder of the shipped recipes."""
    installed = Path(__file__).parents[2] / "shipped_recipes"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "recipes"


def shipped_recipes() -> dict[str, str]:
    """Return the titles of the shipped recipes by name."""
    return _titles(recipes_folder())


def shipped_tables() -> dict[str, str]:
    """Return the titles of the shipped tables by name."""
    return _titles(recipes_folder() / TABLES)


def shipped_spaces() -> dict[str, str]:
    """Return the titles of the shipped spaces of searches by name."""
    return _titles(recipes_folder() / SPACES)


def shipped_recipe(path: Path) -> Path | None:
    """Return the file of a shipped recipe that is given by its name; None for any other path, as `shipped_table`."""
    return _shipped(path, "")


def recipe_of_table(folder: Path, given: str) -> Path:
    """Return the recipe that a table file in a folder names: a path relative to it, or a name of a shipped recipe.

    A file or a folder of that name beside the table goes before the shipped recipe.
    """
    path = folder / given
    return path if path.exists() or given not in shipped_recipes() else recipes_folder() / f"{given}.toml"


def shipped_table(path: Path) -> Path | None:
    """Return the file of a shipped table that is given by its name, such as ``table1``; None for any other path.

    A file of that name in the working folder goes before the shipped table.
    """
    return _shipped(path, TABLES)


def shipped_space(path: Path) -> Path | None:
    """Return the file of a shipped space that is given by its name; None for any other path, as `shipped_table`."""
    return _shipped(path, SPACES)


def _shipped(path: Path, folder: str) -> Path | None:
    if path.parent not in (Path(), Path(folder)):
        return None
    files = (recipes_folder() / folder).glob("*.toml")
    return next((file for file in files if file.stem == path.name and not path.exists()), None)


def _titles(folder: Path) -> dict[str, str]:
    paths = sorted(folder.glob("*.toml"))
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")).get("title", "") for path in paths}


def is_shipped_space(name: str) -> bool:
    """Return whether a name, such as `beta_neg_digits` or `spaces/beta_neg_digits.toml`, is that of a shipped space."""
    return _space_name(name) in shipped_spaces()


def _space_name(name: str) -> str:
    return name.removesuffix(".toml").removeprefix(f"{SPACES}/")


def copy_shipped_recipe(name: str, to: Path | None = None) -> Path:
    """Copy a shipped recipe or space to a file, or into a folder as NAME.toml, by default the current one.

    Return the file.

    Raises `UsageError` for an unknown name, and for a file that exists or cannot be written.
    """
    name = name.removesuffix(".toml")
    if name in shipped_tables():
        raise UsageError(f'"{name}" is a table of recipes. `genkit table show {name}` prints it.')
    source = recipes_folder() / f"{name}.toml"
    if is_shipped_space(name):
        name = _space_name(name)
        source = recipes_folder() / SPACES / f"{name}.toml"
    elif name not in shipped_recipes():
        near = closest(name, (*shipped_recipes(), *shipped_spaces()))
        hint = f"Did you mean {' or '.join(near)}?" if near else "`genkit recipes` lists the recipes and spaces."
        raise UsageError(f'unknown recipe "{name}". {hint}')
    target = to or Path(f"{name}.toml")
    if target.is_dir():
        target = target / f"{name}.toml"
    if target.exists():
        raise UsageError(f"{target}: already exists. Name another file.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {describe_os_error(error, target)}.") from None
    return target
