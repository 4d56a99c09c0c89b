"""Files of a new plugin, rendered from the templates."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.errors import UsageError
from genkit.hooks import HOOKS_VERSION
from genkit.scaffold.kinds import TEMPLATES, Kind
from genkit.scaffold.names import PluginName

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).with_name("templates")


def files_of(plugin: PluginName, kinds: Sequence[Kind]) -> dict[str, str]:
    """Return the text of each file of the package, by its path in the folder of the package.

    Raises `UsageError` if the class of a part would have the name of a class that its module imports.
    """
    places = {
        "README.md": "package/README.md",
        "pyproject.toml": "package/pyproject.toml",
        ".gitignore": "package/gitignore",
        ".github/workflows/test.yml": "package/test.yml",
        f"recipes/{plugin.name}.toml": "package/recipe.toml",
        f"{plugin.package}/__init__.py": "package/init.py",
        **{f"{plugin.package}/{kind}.py": f"{kind}/part.py" for kind in kinds},
        **{f"tests/test_{kind}.py": f"{kind}/test.py" for kind in kinds},
        "tests/test_recipe.py": "package/test_recipe.py",
    }
    environment, context = _environment(), _context(plugin, kinds)
    texts = {place: environment.get_template(f"{name}.jinja").render(context) for place, name in places.items()}
    for kind in kinds:
        _refuse_shadowing(plugin, kind, texts[f"{plugin.package}/{kind}.py"])
    return {**texts, f"{plugin.package}/py.typed": ""}


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _context(plugin: PluginName, kinds: Sequence[Kind]) -> Mapping[str, object]:
    labels = [f"{'an' if TEMPLATES[kind].label[0] in 'aeiou' else 'a'} {TEMPLATES[kind].label}" for kind in kinds]
    return {
        "plugin": plugin,
        "parts": {kind.value: TEMPLATES[kind] for kind in kinds},
        "used": {kind.value: plugin.name if kind in kinds else "" for kind in Kind},
        "supplied": " and ".join(filter(None, (", ".join(labels[:-1]), labels[-1]))),
        "hooks_version": HOOKS_VERSION,
    }


def _refuse_shadowing(plugin: PluginName, kind: Kind, text: str) -> None:
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    name = plugin.class_of(kind)
    if module := next((node.module for node in imports for alias in node.names if alias.name == name), None):
        raise UsageError(
            f"NAME {plugin.name}: the class of the {TEMPLATES[kind].label} would be {name}, which it imports from "
            f"{module}. Choose another name."
        )
