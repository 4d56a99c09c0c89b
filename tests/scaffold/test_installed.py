"""A new package installs, is listed, and passes its own tests."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from genkit.recipe.installed.registry import Registry
from genkit.scaffold.kinds import TEMPLATES, Kind
from genkit.scaffold.names import PluginName
from genkit.scaffold.write import write_plugin

ROOT = Path(__file__).parents[2]
PLUGIN = PluginName("installed-new")
pytestmark = [
    pytest.mark.trains,
    pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="pip needs hatchling to build a wheel"),
]


def python(*arguments: object, cwd: Path, path: tuple[Path, ...] = ()) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *map(str, path)]),
        "GENKIT_PLUGINS": PLUGIN.name,
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900)


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """Return the folder of a package with every kind of part; it is installed into its neighbour `site`."""
    folder = tmp_path_factory.mktemp("author")
    write_plugin(PLUGIN, tuple(Kind), folder / "new", Registry())
    pip = ("pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--target", folder / "site")
    done = python("-m", *pip, folder / "new", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "new"


def test_the_installed_package_is_listed(package):
    listed = python("-m", "genkit", "plugins", "--json", cwd=package.parent, path=(package.parent / "site",))
    facts = json.loads(listed.stdout)
    own = [part for part in facts["parts"] if part["owner"] == f"{PLUGIN.distribution} 0.1.0"]
    assert {part["name"] for part in own} == {PLUGIN.name} and len(own) == len(TEMPLATES)
    assert not facts["broken"] and not facts["clashes"]


def test_the_package_keeps_the_laws(package):
    """`genkit plugins check` finds nothing broken, and leaves no part out."""
    path = (package, package.parent / "site")  # the folder first, as with -e
    checked = python("-m", "genkit", "plugins", "check", PLUGIN.name, "--json", cwd=package, path=path)
    assert checked.returncode == 0, checked.stdout
    reports = json.loads(checked.stdout)["reports"]
    assert [report["kind"] for report in reports if report["not_checked"]] == []
    assert {report["kind"] for report in reports} == {"package", *map(str, Kind)}


def test_the_package_passes_its_own_tests(package):
    """The loss without a divergence has a test of its own, so a second package has only that."""
    sole = PluginName("sole-loss")
    write_plugin(sole, (Kind.LOSS,), package.parent / "sole", Registry())
    tests = (package / "tests", package.parent / "sole" / "tests" / "test_loss.py")
    options = (
        "-q",
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
        f"--rootdir={package.parent}",
        "-c",
        os.devnull,
    )
    path = (package.parent / "site", package.parent / "sole")
    done = python("-m", "pytest", *options, *tests, cwd=package.parent, path=path)
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy comes with the extra lint")
def test_the_package_has_types(package):
    done = python("-m", "mypy", "--cache-dir", os.devnull, cwd=package)
    assert done.returncode == 0, done.stdout
