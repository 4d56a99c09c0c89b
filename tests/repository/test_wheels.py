"""The wheels of genkit and of its plugins: what they contain, and that they work away from the checkout."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PROJECTS = [CHECKOUT, *sorted(path.parent for path in (CHECKOUT / "plugins").glob("*/pyproject.toml"))]
BUILD = "import sys, hatchling.build; hatchling.build.build_wheel(sys.argv[1])"
RELATIVE_LINK = re.compile(r"\]\((?!https?://|#|mailto:)[^)]*\)")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> dict[Path, Path]:
    """Build all wheels, without a network; return them by the folder of their project."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("the build backend, hatchling, is not installed")
    built = {}
    for project in PROJECTS:
        out = tmp_path_factory.mktemp("wheel")
        subprocess.run([sys.executable, "-c", BUILD, out], cwd=project, check=True, capture_output=True, timeout=900)
        (built[project],) = out.glob("*.whl")
    return built


def package_of(project: Path) -> Path:
    """Return the folder of the package of a project."""
    return next(path.parent for path in sorted(project.glob("genkit*/__init__.py")))


@pytest.mark.trains
def test_a_wheel_has_every_file_of_its_package_and_the_licence(wheels):
    for project, wheel in wheels.items():
        package = package_of(project)
        files = {f"{path.relative_to(project)}" for path in package.rglob("*") if path.is_file()}
        expected = {name for name in files if "__pycache__" not in name}
        content = zipfile.ZipFile(wheel)
        names = set(content.namelist())
        assert f"{package.name}/py.typed" in expected <= names
        (licence,) = (name for name in names if name.endswith(".dist-info/licenses/LICENSE"))
        assert content.read(licence) == (CHECKOUT / "LICENSE").read_bytes()
        assert not [name for name in names if name.startswith("tests/")]


@pytest.mark.trains
def test_the_wheel_of_genkit_has_all_recipes_tables_and_their_results(wheels):
    content = zipfile.ZipFile(wheels[CHECKOUT])
    shipped = [path for path in (CHECKOUT / "recipes").rglob("*") if path.suffix in (".toml", ".json")]
    assert {path.suffix for path in shipped} == {".toml", ".json"}
    for path in shipped:
        name = f"genkit/shipped_recipes/{path.relative_to(CHECKOUT / 'recipes')}"
        assert content.read(name) == path.read_bytes()


@pytest.mark.trains
def test_the_metadata_of_a_wheel_describe_it_and_its_page_has_no_broken_link(wheels):
    for project, wheel in wheels.items():
        content = zipfile.ZipFile(wheel)
        (name,) = (name for name in content.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(content.read(name).decode())
        assert metadata["License-Expression"] == "Apache-2.0" and metadata["Author"] and metadata["Keywords"]
        assert "Typing :: Typed" in metadata.get_all("Classifier")
        page = metadata.get_payload()
        assert len(page) > 500 and not RELATIVE_LINK.search(page), project


@pytest.mark.trains
def test_installed_wheels_work_away_from_the_checkout(wheels, tmp_path):
    site, away = tmp_path / "site", tmp_path / "away"
    away.mkdir()
    for wheel in wheels.values():
        zipfile.ZipFile(wheel).extractall(site)
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=away, env=environment, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("-c", "import genkit; print(genkit.__file__)").startswith(str(site))
    listed = json.loads(run("-m", "genkit", "plugins", "--json"))
    assert listed["broken"] == [] and {"introvae", "reversed", "dcgan"} <= {part["name"] for part in listed["parts"]}
    assert "table1" in run("-m", "genkit", "recipes")
    run("-m", "genkit", "recipes", "copy", "vae_conditional_digits")
    run("-m", "genkit", "plan", "vae_conditional_digits.toml")  # reads the packaged digits


def test_the_extra_methods_names_every_plugin_and_the_page_of_genkit_exists():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    plugins = [tomllib.loads((each / "pyproject.toml").read_text(encoding="utf-8"))["project"] for each in PROJECTS[1:]]
    assert len(plugins) == 5
    assert set(project["optional-dependencies"]["methods"]) == {f"{plugin['name']}>=0.1" for plugin in plugins}
    assert {plugin["version"] for plugin in plugins} == {project["version"]}
    for plugin in (project, *plugins):
        assert {"authors", "keywords", "classifiers", "license", "license-files", "readme"} <= plugin.keys()


def test_every_plugin_has_the_licence_of_genkit():
    for project in PROJECTS:
        assert (project / "LICENSE").read_bytes() == (CHECKOUT / "LICENSE").read_bytes()
