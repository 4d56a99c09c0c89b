"""Laws of the package of a plugin: what genkit needs to find it, and what keeps it working with later versions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from genkit.hooks import ENTRY_POINT_GROUP
from genkit.plugin_check.installed import InstalledPlugin
from genkit.testing.law import Law

PUBLIC = ("genkit.api", "genkit.hooks", "genkit.testing")


def package_laws(plugin: InstalledPlugin) -> list[Law]:
    """Return the laws of the package of a plugin."""
    trial = _Trial(plugin)
    return [
        Law("hooks", trial.hooks, _remedy_of_hooks(plugin), basic=True),
        Law(
            "entry point",
            trial.entry_point,
            f"Add [project.entry-points.{ENTRY_POINT_GROUP}] to pyproject.toml, and install the package again",
        ),
        Law("has parts", trial.has_parts, "Implement a hook, such as genkit_losses, decorated with @hookimpl"),
        Law("typed", trial.typed, "Add the empty file py.typed to the package, so that type checkers read its types"),
        Law("syntax", trial.syntax, "Correct the file", basic=True),
        Law("public imports", trial.imports, "Import genkit.api, genkit.hooks or genkit.testing: other modules move"),
        Law("docstrings of modules", trial.docstrings, "Begin each module with a docstring that says what it holds"),
    ]


@dataclass(frozen=True)
class _Trial:
    plugin: InstalledPlugin

    def hooks(self) -> None:
        refused = self.plugin.refused
        assert refused is None, f"genkit refuses it: {refused.reason if refused else ''}"

    def entry_point(self) -> None:
        name = self.plugin.module.__name__
        assert self.plugin.has_entry_point, f"no installed distribution has an entry point for {name}"

    def has_parts(self) -> None:
        assert self.plugin.parts, "its hooks yield no part"

    def syntax(self) -> None:
        for path in self.plugin.files:
            try:
                _tree(path)
            except SyntaxError as error:
                line = f":{error.lineno}" if error.lineno else ""  # none for a file that cannot be decoded
                raise AssertionError(f"{self.plugin.shown(path)}{line}: {error.msg}") from error
            except ValueError as error:  # a NUL character, in Python 3.11
                raise AssertionError(f"{self.plugin.shown(path)}: {error}") from error

    def imports(self) -> None:
        private = [
            f"{name} ({path.name}, line {line})"
            for path in self.plugin.files
            for name, line in _imports_of_genkit(path)
            if name != "genkit" and not any(name == each or name.startswith(f"{each}.") for each in PUBLIC)
        ]
        assert not private, f"it imports {', '.join(dict.fromkeys(private))}"

    def docstrings(self) -> None:
        without = [path.name for path in self.plugin.files if _is_undocumented(path)]
        assert not without, f"{', '.join(without)} has no docstring"

    def typed(self) -> None:
        folder = self.plugin.folder
        assert folder is None or (folder / "py.typed").is_file(), f"{folder} has no py.typed"  # no rule for one module


def _remedy_of_hooks(plugin: InstalledPlugin) -> str:
    if plugin.refused is None or not plugin.refused.remedy:
        return f"Correct {plugin.place}, which has the hooks"
    remedy = plugin.refused.remedy.replace("the module", plugin.place)
    return remedy[0].upper() + remedy[1:]


def _imports_of_genkit(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the modules of genkit that a file imports, and private names of public ones, each with its line."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from ((each.name, node.lineno) for each in node.names if each.name.partition(".")[0] == "genkit")
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").partition(".")[0] == "genkit":
            module = node.module or ""
            names = [each.name for each in node.names]
            if module == "genkit":  # from genkit import api
                yield from ((f"genkit.{name}", node.lineno) for name in names if name in _SUBMODULES)
            else:
                yield module, node.lineno


def _is_undocumented(path: Path) -> bool:
    tree = _tree(path)
    return bool(tree.body) and ast.get_docstring(tree) is None  # an empty file needs none


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), str(path))  # bytes: a comment may name their encoding


_SUBMODULES = {path.stem for path in Path(__file__).parents[1].iterdir() if path.suffix == ".py" or path.is_dir()}
