"""Plugins as pip installs them: metadata on the path, which the program reads itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import genkit, install, refused, write_recipe
from support.messages import assert_names

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
RAMP = ("--set", "loss.beta_kl=ramp")


@pytest.fixture
def site(isolated, monkeypatch) -> Path:
    """Return a folder of installed packages; only the plugins of this test are loaded from it."""
    monkeypatch.syspath_prepend(isolated / "site")
    write_recipe(isolated)
    return isolated / "site"


def supply(site: Path, monkeypatch, **modules: str) -> None:
    for module, source in modules.items():
        install(site, f"genkit-torch-{module.replace('_', '-')}", module, source.replace("{module}", module))
    monkeypatch.setenv("GENKIT_PLUGINS", ",".join(modules))


@pytest.mark.trains
def test_a_part_of_an_installed_plugin_is_listed_shown_planned_and_run(site, monkeypatch):
    supply(site, monkeypatch, cli_ramp=SCHEDULE.replace("{name}", "ramp"))
    facts = json.loads(genkit("plugins", "--json").out)
    (part,) = [part for part in facts["parts"] if part["name"] == "ramp"]
    assert part["owner"] == "genkit-torch-cli-ramp 0.1.0"
    assert "From 0 to `top`." in genkit("plugins", "show", "ramp").out
    assert_names(genkit("plan", "tiny.toml", *RAMP).out, '"ramp" (genkit-torch-cli-ramp 0.1.0)')
    message = refused("run", "tiny.toml", "-q", "--set", "loss.beta_kl={use='ramp', topp=2.0}")
    assert_names(message, "[loss.beta_kl] topp: ", "Did you mean top?", "(genkit-torch-cli-ramp 0.1.0)")
    assert not Path("runs").exists()
    assert genkit("run", "tiny.toml", "-q", "--set", "loss.beta_kl={use='ramp', top=2.0}").code == 0


@pytest.mark.trains
def test_a_name_with_two_owners_is_refused_only_where_it_is_used(site, monkeypatch):
    source = SCHEDULE.replace("{name}", "ramp")
    supply(site, monkeypatch, cli_one=source, cli_two=source)
    owners = ("genkit-torch-cli-one 0.1.0", "genkit-torch-cli-two 0.1.0")
    assert genkit("run", "tiny.toml", "-q").code == 0
    assert_names(refused("run", "tiny.toml", "-q", *RAMP), "[loss.beta_kl] use: ", '"ramp"', *owners)
    assert len(list(Path("runs").glob("0*"))) == 1

    facts = json.loads(genkit("plugins", "--json").out)
    assert [(clash["name"], tuple(clash["owners"])) for clash in facts["clashes"]] == [("ramp", owners)]
    (clash,) = (line for line in genkit("plugins").out.splitlines() if line.startswith("clash: "))
    assert_names(clash, "schedules ramp: ", *owners)
    assert len(json.loads(genkit("plugins", "show", "ramp", "--json").out)["parts"]) == 2
    result = genkit("doctor", "--json")
    assert result.code == 1
    assert_names(json.loads(result.out)["problems"][0], "schedules ramp: ", *owners)
    assert genkit("--plugins", "cli_two", "plan", "tiny.toml", *RAMP).code == 0


@pytest.mark.trains
def test_a_plugin_that_raises_on_import_is_named_where_it_is_needed_and_stops_nothing(site, monkeypatch):
    supply(site, monkeypatch, cli_bad=EXPLODES, cli_good=SCHEDULE.replace("{name}", "ramp"))
    owner, reason = "genkit-torch-cli-bad 0.1.0", "ImportError: libmagic is not there"
    assert genkit("run", "tiny.toml", "-q", *RAMP).code == 0
    assert f'not loaded: "cli_bad" of {owner}: {reason}' in genkit("plugins").out
    message = refused("run", "tiny.toml", "-q", "--set", "loss.beta_kl=magic")
    assert_names(message, "[loss.beta_kl] use: ", '"magic"', owner, reason)
    result = genkit("doctor")
    assert result.code == 1
    (problem,) = (line for line in result.out.splitlines() if line.startswith("problem: "))
    assert_names(problem, owner, reason)


@pytest.mark.parametrize("arguments", [["plugins", "show", "ramp"], ["run", "tiny.toml", "-q", *RAMP]])
def test_a_part_that_cannot_be_imported_is_named_with_its_plugin(site, monkeypatch, arguments):
    source = SCHEDULE.replace("{name}", "ramp").replace("{module}:Ramp", "{module}.deep:Ramp")
    supply(site, monkeypatch, cli_shallow=source)
    assert genkit("plugins").code == 0
    assert_names(refused(*arguments), '"ramp"', "cli_shallow.deep:Ramp", "genkit-torch-cli-shallow 0.1.0")


@pytest.mark.parametrize("arguments", [["plugins", "show", "ramp"], ["run", "tiny.toml", "-q", *RAMP]])
def test_a_part_whose_fields_cannot_be_read_is_named_with_its_plugin(site, monkeypatch, arguments):
    supply(site, monkeypatch, cli_odd=SCHEDULE.replace("{name}", "ramp").replace("top: float", "top: 'Nowhere'"))
    assert_names(refused(*arguments), '"ramp"', "fields", "Nowhere", "genkit-torch-cli-odd 0.1.0")


def test_plugins_show_suggests_a_similar_name(site):
    assert_names(refused("plugins", "show", "adm"), '"adm"', "Did you mean adam")


def test_the_plugins_option_refuses_a_plugin_that_is_not_installed(site, monkeypatch):
    supply(site, monkeypatch, cli_sole=SCHEDULE.replace("{name}", "ramp"))
    for command in ("plugins", "ls", "doctor"):  # ls loads no plugin
        assert_names(refused("--plugins", "cli_soul", command), "--plugins cli_soul", "Did you mean cli_sole?")
    monkeypatch.setenv("GENKIT_PLUGINS", "cli_soul")
    assert_names(refused("ls"), "GENKIT_PLUGINS=cli_soul", "Did you mean cli_sole?")
    assert genkit("--plugins", "all,none,cli_sole", "ls").code == 0


@pytest.mark.trains
def test_a_broken_plugin_does_not_reach_the_help_of_a_new_process(tmp_path):
    install(tmp_path / "site", "genkit-torch-broken", "cli_broken", EXPLODES)
    paths = os.pathsep.join([str(CHECKOUT), str(tmp_path / "site")])
    environment = {**os.environ, "PYTHONPATH": paths, "GENKIT_PLUGINS": "cli_broken"}

    def call(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "genkit", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900)

    result = call("--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert "libmagic" in call("plugins").stdout


@pytest.mark.parametrize(
    ("part", "key", "default"),
    [
        ("image-folder", "flip", "false"),
        ("adam", "betas", "[0.9, 0.999]"),
        ("image-folder", "crop", '"none"'),
        ("image-folder", "hold_out", ""),
        ("vae", "beta_kl", "1.0"),
        ("adam", "lr", "required"),
    ],
)
def test_plugins_show_writes_defaults_as_toml_does(isolated, part, key, default):
    (described,) = json.loads(genkit("plugins", "show", part, "--json").out)["parts"]
    assert {each["key"]: each["default"] for each in described["keys"]}[key] == default


LATE = """\
from dataclasses import dataclass
from genkit.api import VAE, Phase
from genkit.hooks import Entry, hookimpl

genkit_hooks = 1

@hookimpl
def genkit_losses():
    yield Entry("late", "{module}:Late", "A VAE that fails in its fourth step", "https://example.org")

@dataclass(frozen=True)
class Late(VAE):
    how: str = "no-such-name"

    def phases(self):
        (phase,) = super().phases()
        self_loss = phase.loss

        def late(model, batch):
            if batch.noise.step == 3:
                raise SystemExit(0) if self.how == "exit" else RuntimeError("out of ideas")
            return self_loss(model, batch)

        return (Phase(phase.name, phase.updates, late),)
"""


@pytest.mark.trains
@pytest.mark.parametrize(("how", "error"), [("raise", "RuntimeError: out of ideas"), ("exit", "SystemExit: 0")])
def test_a_part_that_fails_late_is_named_and_the_run_can_be_resumed(site, monkeypatch, how, error):
    supply(site, monkeypatch, cli_late=LATE)
    message = refused("run", "tiny.toml", "-q", "--set", f"loss={{use='late', how='{how}'}}", code=1)
    assert_names(message, "step 3 of 5", "saved", "in step 4, [loss]", error, "cli_late.py, line 21")
    assert_names(message, "genkit-torch-cli-late 0.1.0", "genkit resume runs/")
