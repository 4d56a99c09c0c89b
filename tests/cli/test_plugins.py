"""Plugins as they are installed: metadata on the path, read by the program itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import genkit, install, write_recipe

CHECKOUT = Path(__file__).parents[2]

SCHEDULE = """\
from dataclasses import dataclass
from genkit.hooks import Entry, hookimpl

genkit_hooks = 1

@hookimpl
def genkit_schedules():
    yield Entry("{name}", "{module}:Ramp", "A ramp", "https://example.org")

@dataclass(frozen=True)
class Ramp:
    \"\"\"From 0 to `top`.\"\"\"
    top: float = 1.0
    def __call__(self, t: float) -> float:
        return self.top * t
"""
EXPLODES = "raise ImportError('libmagic is not there')\n"


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """Return a folder of installed packages, of which this test's plugins are all that is loaded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "site")
    write_recipe(tmp_path)
    return tmp_path / "site"


def supply(site: Path, monkeypatch, **modules: str) -> None:
    for module, source in modules.items():
        install(site, f"genkit-torch-{module.replace('_', '-')}", module, source.replace("{module}", module))
    monkeypatch.setenv("GENKIT_PLUGINS", ",".join(modules))


def test_a_part_of_an_installed_plugin_is_listed_shown_planned_and_run(site, monkeypatch):
    supply(site, monkeypatch, cli_ramp=SCHEDULE.replace("{name}", "ramp"))
    told = json.loads(genkit("plugins", "--json").out)
    (part,) = [part for part in told["parts"] if part["name"] == "ramp"]
    assert part["owner"] == "genkit-torch-cli-ramp 0.1.0"
    assert "From 0 to `top`." in genkit("plugins", "show", "ramp").out
    said = genkit("plan", "tiny.toml", "--set", "loss.beta_kl=ramp")
    assert 'default of "ramp" (genkit-torch-cli-ramp 0.1.0)' in said.out
    said = genkit("run", "tiny.toml", "-q", "--set", "loss.beta_kl={use='ramp', topp=2.0}")
    assert said.code == 2 and "Did you mean top? (genkit-torch-cli-ramp 0.1.0)" in said.err
    assert not Path("runs").exists()
    assert genkit("run", "tiny.toml", "-q", "--set", "loss.beta_kl={use='ramp', top=2.0}").code == 0


def test_two_plugins_that_own_one_name_are_both_named_and_only_where_it_is_used(site, monkeypatch):
    source = SCHEDULE.replace("{name}", "ramp")
    supply(site, monkeypatch, cli_one=source, cli_two=source)
    assert genkit("run", "tiny.toml", "-q").code == 0
    said = genkit("run", "tiny.toml", "-q", "--set", "loss.beta_kl=ramp")
    assert said.code == 2
    assert "genkit-torch-cli-one 0.1.0 and genkit-torch-cli-two 0.1.0" in said.err
    assert len(list(Path("runs").glob("0*"))) == 1

    told = json.loads(genkit("plugins", "--json").out)
    assert [clash["name"] for clash in told["clashes"]] == ["ramp"]
    assert "clash: schedules ramp: genkit-torch-cli-one 0.1.0 and genkit-torch-cli-two" in genkit("plugins").out
    assert len(json.loads(genkit("plugins", "show", "ramp", "--json").out)["parts"]) == 2
    said = genkit("doctor", "--json")
    assert said.code == 1 and "ramp has two owners" in json.loads(said.out)["problems"][0]
    assert genkit("--plugins", "cli_two", "plan", "tiny.toml", "--set", "loss.beta_kl=ramp").code == 0


def test_a_plugin_that_raises_on_import_is_named_where_it_is_needed_and_stops_nothing(site, monkeypatch):
    supply(site, monkeypatch, cli_bad=EXPLODES, cli_good=SCHEDULE.replace("{name}", "ramp"))
    assert genkit("run", "tiny.toml", "-q", "--set", "loss.beta_kl=ramp").code == 0
    reason = "genkit-torch-cli-bad 0.1.0: ImportError: libmagic is not there"
    assert f"not loaded: {reason}" in genkit("plugins").out
    said = genkit("run", "tiny.toml", "-q", "--set", "loss.beta_kl=magic")
    assert said.code == 2
    assert "genkit-torch-cli-bad 0.1.0 (ImportError: libmagic is not there)" in said.err
    said = genkit("doctor")
    assert said.code == 1 and "problem: plugin genkit-torch-cli-bad 0.1.0 cannot be loaded" in said.out


def test_a_part_that_cannot_be_imported_is_told_by_its_plugin(site, monkeypatch):
    source = SCHEDULE.replace("{name}", "ramp").replace("{module}:Ramp", "{module}.deep:Ramp")
    supply(site, monkeypatch, cli_shallow=source)
    assert genkit("plugins").code == 0
    for arguments in (["plugins", "show", "ramp"], ["run", "tiny.toml", "--set", "loss.beta_kl=ramp"]):
        said = genkit(*arguments)
        assert said.code == 2
        assert "cli_shallow.deep:Ramp" in said.err and "uninstall genkit-torch-cli-shallow 0.1.0" in said.err


def test_a_part_whose_fields_cannot_be_read_is_told_by_its_plugin(site, monkeypatch):
    supply(site, monkeypatch, cli_odd=SCHEDULE.replace("{name}", "ramp").replace("top: float", "top: 'Nowhere'"))
    for arguments in (["plugins", "show", "ramp"], ["run", "tiny.toml", "--set", "loss.beta_kl=ramp"]):
        said = genkit(*arguments)
        assert said.code == 2
        assert 'the fields of "ramp" cannot be read' in said.err and "genkit-torch-cli-odd 0.1.0" in said.err


def test_an_unknown_part_gets_its_near_miss(site, monkeypatch):
    monkeypatch.setenv("GENKIT_PLUGINS", "none")
    said = genkit("plugins", "show", "adm")
    assert (said.code, said.out) == (2, "")
    assert 'no part is called "adm". Did you mean adam' in said.err


def test_a_selection_of_what_is_not_installed_is_refused(site, monkeypatch):
    supply(site, monkeypatch, cli_sole=SCHEDULE.replace("{name}", "ramp"))
    said = genkit("--plugins", "cli_soul", "plugins")
    assert said.code == 2 and "cli_soul" in said.err and "Did you mean cli_sole?" in said.err


def test_a_broken_plugin_does_not_reach_the_help_of_a_new_process(tmp_path):
    install(tmp_path / "site", "genkit-torch-broken", "cli_broken", EXPLODES)
    paths = os.pathsep.join([str(CHECKOUT), str(tmp_path / "site")])
    environment = {**os.environ, "PYTHONPATH": paths, "GENKIT_PLUGINS": "cli_broken"}

    def call(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "genkit", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)

    told = call("--help")
    assert (told.returncode, told.stderr) == (0, "")
    assert "libmagic" in call("plugins").stdout
