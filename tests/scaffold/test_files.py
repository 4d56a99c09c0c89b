"""Every kind has a template; its package imports what a plugin may, is registered, and its recipe is planned."""

import ast
import importlib
import sys
import tomllib

import pytest

from genkit.hooks import KINDS
from genkit.parts import builtin
from genkit.recipe.binding.part_fields import SUPPLIED, parameters_of
from genkit.recipe.installed.registry import Owner, Registry
from genkit.recipe.plan import make_plan
from genkit.scaffold.files import files_of
from genkit.scaffold.kinds import NEEDS, TEMPLATES, Kind, with_needed
from genkit.scaffold.names import PluginName
from genkit.scaffold.write import write_plugin

PACKAGES = {**{kind.value: with_needed((kind,)) for kind in Kind}, "all": tuple(Kind)}
OF_PARTS = {"genkit.api", "torch"}
OF_TESTS = {*OF_PARTS, "genkit", "genkit.testing", "pytest"}


def registry() -> Registry:
    found = Registry()
    found.register(builtin, Owner("genkit", "genkit-torch", "0.1.0"))
    return found


def imported(text: str) -> set[str]:
    """Return the modules that a text imports, without those of Python: of torch and a plugin only the top."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    tops = {name if name.startswith("genkit.") else name.split(".")[0] for name in names}
    return tops - {*sys.stdlib_module_names}


def test_every_kind_of_the_hooks_has_a_template():
    assert sorted(template.hook for template in TEMPLATES.values()) == sorted(KINDS)
    assert set(TEMPLATES) == set(Kind)


def test_a_kind_that_needs_another_brings_it():
    assert with_needed((Kind.SCORE, Kind.DIVERGENCE)) == (Kind.LOSS, Kind.DIVERGENCE, Kind.SCORE)
    assert all(PACKAGES[kind] == (kind,) for kind in Kind if kind not in NEEDS)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_what_a_plugin_may(package):
    plugin = PluginName(f"reader-{package}")
    for place, text in files_of(plugin, PACKAGES[package]).items():
        if not place.endswith(".py"):
            continue
        allowed = OF_TESTS if place.startswith("tests/") else OF_PARTS
        if place.endswith("__init__.py"):
            allowed = {"genkit.hooks"}
        assert imported(text) <= {*allowed, plugin.package}, place
        if place.startswith(plugin.package) and not place.endswith("__init__.py"):
            assert "\nChange this: " in ast.get_docstring(ast.parse(text)), place
            assert len(text.splitlines()) <= 90, place


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_registered_and_its_recipe_uses_each_part(package, tmp_path, monkeypatch):
    plugin, kinds, found = PluginName(f"planned-{package}"), PACKAGES[package], registry()
    write_plugin(plugin, kinds, tmp_path / "new", found)
    monkeypatch.syspath_prepend(tmp_path / "new")
    found.register(importlib.import_module(plugin.package), Owner(plugin.name, plugin.distribution, "0.1.0"))
    assert not found.broken
    own = {part.kind: part for name in KINDS for part in found.of_kind(name) if part.owner.plugin == plugin.name}
    assert own.keys() == {TEMPLATES[kind].hook for kind in kinds}
    for part in own.values():
        docs = [key.doc for name, key in parameters_of(part.load()).items() if name not in SUPPLIED.get(part.kind, ())]
        assert all(doc[:1].isupper() and doc.endswith(".") for doc in docs), part
    plan = make_plan(tmp_path / "new" / "recipes" / f"{plugin.name}.toml", registry=found)
    used = {part.kind for part in plan.parts.values() if part.owner.plugin == plugin.name}
    assert used == own.keys()
    assert not plan.unmet


def test_the_entry_point_is_the_module_with_the_hooks():
    plugin = PluginName("my-method")
    project = tomllib.loads(files_of(plugin, (Kind.LOSS,))["pyproject.toml"])
    assert project["project"]["entry-points"]["genkit"] == {"my-method": "genkit_my_method"}
    assert project["project"]["name"] == "genkit-torch-my-method"
    assert "license" not in project["project"]  # the author chooses it


def test_the_workflow_is_yaml_that_installs_checks_and_tests():
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra docs")
    text = files_of(PluginName("my-method"), (Kind.LOSS,))[".github/workflows/test.yml"]
    job = yaml.safe_load(text)["jobs"]["test"]
    runs = " ".join(step.get("run", "") for step in job["steps"])
    assert all(
        command in runs for command in ("pip install -e", "ruff check", "mypy", "genkit plugins check", "pytest")
    )
    assert job["steps"][1]["with"]["python-version"] == "${{ matrix.python }}"
    assert job["strategy"]["matrix"]["python"]


def test_the_readme_says_that_the_tests_change_with_the_parts():
    change = files_of(PluginName("mine"), (Kind.LOSS,))["README.md"].partition("## Change")[2].partition("\n## ")[0]
    assert "`tests/`" in change and "change them" in change
