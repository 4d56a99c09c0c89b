"""The public interface for parts: every name is documented, and the reference has it."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import genkit.api

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "genkit" / "api").glob("*.py") if path.name != "__init__.py")
MODULES = [importlib.import_module(f"genkit.api.{path.stem}") for path in FILES]
OWN_NAMESPACE = {"pictures", "scoring"}  # their short names are not in genkit.api
PAGES = ("python.md", "python-api.md", "python-testing.md")
REFUSALS = {"ValueError", "TypeError", "UsageError", "BadPictureError"}
TENSORS = re.compile(r"\b(Tensor|ndarray)\b")
SHAPE = re.compile(r"\([^()]*(\b[A-Zb]\b|\*\w*shape|\.\.\.|1,)[^()]*\)|->|any shape|\(\)")  # (B, L), (*shape), (...)


def kind(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def functions_of(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield each public function, method and property of a module of the interface, with its name."""
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isfunction(value):
            yield name, value
        if not inspect.isclass(value) or not value.__module__.startswith("genkit"):
            continue
        for attribute, member in vars(value).items():
            plain = member.fget if isinstance(member, property) else member
            plain = getattr(plain, "__func__", getattr(plain, "func", plain))
            if inspect.isfunction(plain) and (not attribute.startswith("_") or attribute == "__call__"):
                yield f"{name}.{attribute}", plain


def text_below(name: str, statement: ast.stmt, following: ast.stmt | None) -> str:
    """Return the docstring below the assignment of a name; empty if the statement does not assign it."""
    targets = [ast.unparse(target) for target in getattr(statement, "targets", [])]
    if targets != [name] or not isinstance(following, ast.Expr) or not isinstance(following.value, ast.Constant):
        return ""
    return str(following.value.value)


def documented(module: ModuleType, name: str) -> str:
    """Return the docstring of a name: its own, or that below its assignment in the file that defines it."""
    value = getattr(module, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        return value.__doc__ or ""
    tree = ast.parse(Path(inspect.getfile(module)).read_text(encoding="utf-8"))
    [home] = [
        node.module for node in tree.body if isinstance(node, ast.ImportFrom) and name in [a.name for a in node.names]
    ]
    body = ast.parse(Path(importlib.import_module(home).__file__).read_text(encoding="utf-8")).body
    return "".join(text_below(name, *pair) for pair in zip(body, [*body[1:], None], strict=True))


def test_the_package_has_each_name_of_its_modules_once():
    flat = [module for module in MODULES if kind(module) not in OWN_NAMESPACE]
    assert len(flat) == 8 and len(MODULES) == 10
    names = [name for module in flat for name in module.__all__]
    assert sorted(names) == sorted(genkit.api.__all__) and len(names) == len(set(names)) > 100
    assert all(getattr(genkit.api, name) is getattr(module, name) for module in flat for name in module.__all__)


@pytest.mark.parametrize("module", MODULES, ids=kind)
def test_every_name_has_a_docstring(module):
    without = [name for name in module.__all__ if not documented(module, name)]
    made = [name for name in module.__all__ if documented(module, name).startswith(f"{name}(")]  # by `dataclass`
    assert not without and not made
    assert not [name for name, function in functions_of(module) if not inspect.getdoc(function)]


@pytest.mark.parametrize("module", MODULES, ids=kind)
def test_docstrings_say_the_shapes_of_tensors_and_the_errors_that_are_raised(module):
    problems = []
    for name, function in functions_of(module):
        text, source = inspect.getdoc(function) or "", textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(source).body[0]
        assert isinstance(tree, ast.FunctionDef)
        arguments = [tree.args, *([tree.returns] if tree.returns else [])]
        if any(TENSORS.search(ast.unparse(part)) for part in arguments) and not SHAPE.search(text):
            problems.append(f"{name}: no shape")
        raised = {ast.unparse(node.exc).partition("(")[0] for node in ast.walk(tree) if _raises(node)}
        problems += [f"{name}: {error} is not mentioned" for error in raised & REFUSALS if error not in text]
    assert not problems, "\n".join(problems)


def _raises(node: ast.AST) -> bool:
    return isinstance(node, ast.Raise) and node.exc is not None


def reference() -> str:
    """Return the text of the pages of the reference of Python."""
    return "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in PAGES)


def test_the_reference_has_a_section_for_each_module():
    page = reference()
    assert re.findall(r"^::: (genkit\.api\.\w+)$", page, re.MULTILINE) != []
    assert set(re.findall(r"^::: (genkit\.api\.\w+)$", page, re.MULTILINE)) == {module.__name__ for module in MODULES}


def rendered(page: str) -> set[str]:
    """Return the full names that the directives of the reference show, or `MODULE.*` for all of a module."""
    shown = set()
    for module, options in re.findall(r"^::: ([\w.]+)\n((?:    .*\n?)*)", page, re.MULTILINE):
        members = re.search(r"members: \[(.*)\]", options)
        shown |= {f"{module}.{name.strip()}" for name in (members[1].split(",") if members else "*")}
    return shown


def test_the_reference_has_every_name_of_genkit():
    """A name is shown where it is defined, or as a name of `genkit.api`."""
    page = reference()
    shown = rendered(page)
    missing = []
    for name in genkit.__all__:
        value = getattr(genkit, name)
        if f"{value.__module__}.{name}" not in shown and getattr(genkit.api, name, None) is not value:
            missing.append(name)
    assert not missing


def test_the_reference_shows_only_names_that_exist():
    page = reference()
    for name in rendered(page):
        module, _, member = name.rpartition(".")
        assert member == "*" or hasattr(importlib.import_module(module), member), name


def test_names_that_are_no_definitions_have_a_text_of_their_own():
    """mkdocstrings shows what genkit defines: an alias of another library, or of another name, needs a sentence."""
    page = reference()
    assert genkit.api.Doc.__module__ == "typing_extensions" and "### Doc\n" in page
    testing = importlib.import_module("genkit.testing")
    aliases = [
        name
        for name in testing.__all__
        if getattr(testing, name).__name__ != name and f"genkit.testing.{name}" not in page
    ]
    assert not aliases
