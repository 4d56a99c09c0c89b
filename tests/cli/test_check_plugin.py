"""`genkit plugins check`: the laws of an installed plugin, its exit codes, and what it says of each mistake."""

import json
from pathlib import Path

import pytest
from support.commands import genkit, install, refused
from support.messages import assert_names

GOOD = '''\
"""A schedule and a divergence."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from torch import Tensor

from genkit.api import DiagNormal, Doc, UnitInterval
from genkit.hooks import Entry, hookimpl

genkit_hooks = 1

@hookimpl
def genkit_schedules():
    yield Entry("step-up", "{module}:StepUp", "0 before `at`, then `value`", "https://example.org")

@hookimpl
def genkit_divergences():
    yield Entry("w2", "{module}:Wasserstein2", "Per-sample W2", "Givens & Shortt 1984")

@dataclass(frozen=True)
class StepUp:
    """0 before t = `at`, then `value`."""

    at: Annotated[UnitInterval, Doc("Progress t at which the value changes.")]
    value: Annotated[float, Doc("Value from `at` on.")] = 1.0

    def __call__(self, t: float, /) -> float:
        return self.value if t >= self.at else 0.0

@dataclass(frozen=True)
class Wasserstein2:
    """Distance of each sample, (B,)."""

    symmetric: ClassVar[bool] = True

    def __call__(self, p: DiagNormal, q: DiagNormal, /) -> Tensor:
        shift = (p.mu - q.mu).square()
        spread = ((0.5 * p.logvar).exp() - (0.5 * q.logvar).exp()).square()
        return (shift + spread).sum(dim=1)
'''


def change(*pairs: tuple[str, str]) -> str:
    source = GOOD
    for old, new in pairs:
        assert old in source
        source = source.replace(old, new)
    return source


@pytest.fixture
def site(isolated, monkeypatch) -> Path:
    monkeypatch.syspath_prepend(isolated / "site")
    return isolated / "site"


def supply(site: Path, monkeypatch, module: str, source: str) -> None:
    install(site, f"genkit-torch-{module.replace('_', '-')}", module, source.replace("{module}", module))
    monkeypatch.setenv("GENKIT_PLUGINS", module)


def reports(*arguments: str, code: int) -> dict[str, dict]:
    """Return the reports of ``plugins check --json`` by kind."""
    called = genkit("plugins", "check", *arguments, "--json")
    assert called.code == code, called
    return {report["kind"]: report for report in json.loads(called.out)["reports"]}


def broken(report: dict) -> dict[str, str]:
    return {law["law"]: law["broken"] for law in report["laws"] if law["broken"]}


@pytest.mark.parametrize("name", ["check_good", "genkit-torch-check-good"])
def test_a_lawful_plugin_passes_by_the_name_of_its_entry_point_or_distribution(site, monkeypatch, name):
    supply(site, monkeypatch, "check_good", GOOD)
    found = genkit("plugins", "check", name).out
    assert_names(found, "genkit-torch-check-good 0.1.0", "schedule step-up", "divergence w2", "0 are broken")


MISTAKES = {
    "check_negative": ((".sum(dim=1)", ".sum(dim=1) - 1"),),
    "check_undocumented": (('Annotated[float, Doc("Value from `at` on.")]', "float"),),
    "check_private": (("from genkit.hooks", "from genkit.core.noise import Noise\nfrom genkit.hooks"),),
    "check_no_source": (('"Givens & Shortt 1984"', '""'),),
    "check_taken": (('"w2"', '"kl"'),),
    "check_no_docstring": (('    """Distance of each sample, (B,)."""\n', ""),),
    "check_no_version": (("genkit_hooks = 1", ""),),
    "check_module_docstring": (('"""A schedule and a divergence."""', ""),),
    "check_constructor": (("class StepUp:", "class StepUp:\n    def __post_init__(self): self.missing\n"),),
    "check_no_field": (("symmetric: ClassVar[bool] = True", "symmetric = True"),),
    "check_exits": (("class StepUp:", "class StepUp:\n    def __post_init__(self): raise SystemExit(3)\n"),),
    "check_refuses": (
        ("return self.value if", "if t == 1: raise ValueError('too late')\n        return self.value if"),
    ),
}
LAWS = {
    "check_negative": ("divergence", "not negative if declared"),
    "check_undocumented": ("schedule", "its keys are explained"),
    "check_private": ("package", "public imports"),
    "check_no_source": ("divergence", "entry"),
    "check_taken": ("divergence", "its name is not taken"),
    "check_no_docstring": ("divergence", "docstring"),
    "check_no_version": ("package", "hooks"),
    "check_module_docstring": ("package", "docstrings of modules"),
    "check_constructor": ("schedule", "constructs"),
    "check_no_field": ("divergence", "constructs"),
    "check_exits": ("schedule", "constructs"),
    "check_refuses": ("schedule", "a finite number on [0, 1]"),
}


@pytest.mark.parametrize("module", MISTAKES)
def test_a_mistake_breaks_a_law_and_the_exit_code_is_1(site, monkeypatch, module):
    supply(site, monkeypatch, module, change(*MISTAKES[module]))
    kind, law = LAWS[module]
    assert law in broken(reports(module, code=1)[kind])


def test_a_broken_law_is_printed_with_place_and_remedy(site, monkeypatch):
    supply(site, monkeypatch, "check_printed", change((".sum(dim=1)", ".sum(dim=1) - 1")))
    lines = genkit("plugins", "check", "check_printed").out.splitlines()
    (part,) = [line for line in lines if "w2" in line]
    assert_names(part, "broken", "check_printed.py, line 32")
    (law,) = [line for line in lines if "not negative" in line]
    assert_names(law, "L = 1", "wrong sign", "non_negative")


def test_a_plugin_without_an_entry_point_is_checked_as_a_module(site, monkeypatch):
    site.mkdir()
    (site / "check_module.py").write_text(GOOD.replace("{module}", "check_module"))
    found = reports("check_module", code=1)
    assert set(broken(found["package"])) == {"entry point"}
    assert not broken(found["divergence"]) and not broken(found["schedule"])


PATH = ('Annotated[UnitInterval, Doc("Progress t at which the value changes.")]', 'Annotated[Path, Doc("A file.")]')
AT = ("self.value if t >= self.at else 0.0", "float(len(self.at.name))")


def test_a_part_whose_keys_nobody_gives_is_not_checked(site, monkeypatch):
    supply(site, monkeypatch, "check_path", change(PATH, AT))
    found = reports("check_path", code=0)["schedule"]
    assert_names(found["not_checked"], "at", "--set schedule.step-up.at=VALUE")
    given = reports("check_path", "--set", "schedule.step-up.at=x.txt", code=0)["schedule"]
    assert not given["not_checked"] and "a pure function of t" in {law["law"] for law in given["laws"]}


def test_keys_are_those_of_a_recipe_of_the_project(site, monkeypatch):
    supply(site, monkeypatch, "check_recipe", change(PATH, AT))
    (site / "pyproject.toml").write_text("")
    (site / "recipes").mkdir()
    recipe = '[data]\nuse="8-gaussians"\n[model]\nuse="mlp"\n[loss]\nuse="vae"\nbeta_kl={use="step-up", at="a"}\n'
    (site / "recipes" / "x.toml").write_text(recipe)
    assert not reports("check_recipe", code=0)["schedule"]["not_checked"]


def test_wrong_calls_are_refused(site, monkeypatch):
    supply(site, monkeypatch, "check_calls", GOOD)
    assert_names(refused("plugins", "check", "chekc_calls"), "chekc_calls", "Did you mean check_calls")
    message = refused("plugins", "check", "check_calls", "--set", "divergence.w3.x=1")
    assert_names(message, "--set divergence.w3.x=1", "Did you mean divergence.w2")
    supply(site, monkeypatch, "check_fails", "import no_such_module\n")
    assert_names(refused("plugins", "check", "check_fails"), "check_fails", "no_such_module")


def test_what_a_part_prints_is_not_among_the_results(site, monkeypatch):
    supply(site, monkeypatch, "check_prints", change(("return self.value if", "print('noise'); return self.value if")))
    assert "noise" not in genkit("plugins", "check", "check_prints").out


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("schedule.step-up.att=0.5", ("[schedules.step-up] att", "Did you mean at?")),
        ("schedule.step-up.at=2", ("[schedules.step-up] at", "from 0 to 1")),
        ("schedule.step-up=2", ("KIND.NAME.KEY=VALUE",)),
        ("step-up", ("expected table.key=value",)),
    ],
)
def test_a_wrong_key_of_the_user_is_refused_before_anything_is_printed(site, monkeypatch, override, named):
    supply(site, monkeypatch, "check_keys", GOOD)
    assert_names(refused("plugins", "check", "check_keys", "--set", override), *named)


def test_genkit_itself_is_no_plugin():
    assert_names(refused("plugins", "check", "genkit"), "Name a plugin")


@pytest.mark.parametrize("named", [".", "pack", "pack/part.py"])
def test_a_path_is_refused_with_the_commands_for_the_project_that_it_is_in(isolated, monkeypatch, named):
    project = isolated / "a project"
    (project / "pack").mkdir(parents=True)
    (project / "pack" / "part.py").touch()
    monkeypatch.chdir(project)
    assert_names(refused("plugins", "check", named), named, "Neither", "genkit plugins new")
    (project / "pyproject.toml").write_text("[project]\n")
    assert_names(refused("plugins", "check", named), "project.entry-points.genkit", "`pip install -e .`")
    (project / "pyproject.toml").write_text('[project.entry-points.genkit]\nmy-plugin = "pack"\n')
    assert_names(refused("plugins", "check", named), "`pip install -e .`", "`genkit plugins check my-plugin`")
    monkeypatch.chdir(project / "pack")
    assert_names(refused("plugins", "check", "."), "`pip install -e ..`")
    assert_names(refused("plugins", "check", str(project / "pack")), f"`pip install -e '{project}'`")


def test_a_part_that_cannot_be_imported_breaks_a_law(site, monkeypatch):
    supply(site, monkeypatch, "check_target", change((":StepUp", ":StepDown")))
    found = reports("check_target", code=1)
    assert set(broken(found["schedule"])) == {"can be imported"} and not broken(found["divergence"])


def test_a_syntax_error_is_one_broken_law_with_file_and_line(site):
    package = site / "check_syntax"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(GOOD.replace("{module}", "check_syntax"))
    (package / "py.typed").touch()
    (package / "other.py").write_text('"""A module."""\n\ndef (\n')
    (package / "latin.py").write_text('# coding: latin-1\n"""\xe9."""\n', encoding="latin-1")  # which is no error
    found = broken(reports("check_syntax", code=1)["package"])
    assert set(found) == {"entry point", "syntax"}
    assert found["syntax"].startswith("check_syntax/other.py:3: ")


def test_an_error_on_import_is_refused_with_its_line(site, monkeypatch):
    supply(site, monkeypatch, "check_raises", '"""A module."""\n\nraise RuntimeError("boom")\n')
    assert_names(refused("plugins", "check", "check_raises"), "RuntimeError: boom", "check_raises.py, line 3")


def test_a_wrong_target_is_reported_with_the_class_that_is_close_and_the_file_of_its_entry(site, monkeypatch):
    supply(site, monkeypatch, "check_class", change((":StepUp", ":StepUpp")))
    printed = genkit("plugins", "check", "check_class").out
    assert_names(printed, "check_class has no StepUpp", "Did you mean StepUp?", "Entry in check_class.py")
    supply(site, monkeypatch, "check_imported", change((":StepUp", ":Dok")))
    printed = genkit("plugins", "check", "check_imported").out
    assert "StepUp, Wasserstein2" in printed and "Did you mean" not in printed  # Doc is not its own


@pytest.mark.parametrize(
    ("module", "old", "new", "named"),
    [
        ("check_hook", "def genkit_schedules", "def genkit_scheduless", "Did you mean genkit_schedules?"),
        ("check_lost", ":StepUp", ":StepDwn", "genkit_schedules. Correct the target"),
        ("check_absent", "from pathlib import Path", "from pathlib import Path, Pth", "Pth"),
    ],
)
def test_what_is_wrong_ends_with_one_mark(site, monkeypatch, module, old, new, named):
    supply(site, monkeypatch, module, change((old, new)))
    called = genkit("plugins", "check", module)
    assert_names(called.out + called.err, named)
    assert not {mark for mark in ("?.", "..") if mark in called.out + called.err}
    assert "genkit_hooks = " not in called.out  # its version is right


LOSS = '''\
"""A loss of a model with a child `flow`, and that model."""

from dataclasses import dataclass

import torch
from torch import nn

from genkit.api import Model, Phase, PhaseLoss
from genkit.hooks import Entry, hookimpl

genkit_hooks = 1

@hookimpl
def genkit_losses():
    yield Entry("flow", "{module}:FlowLoss", "Squared codes", "closed form")

@hookimpl
def genkit_models():
    yield Entry("flow", "{module}:Flow", "A linear flow", "closed form")

class Flow(Model):
    """A linear map."""

    def __init__(self, *, data_shape):
        super().__init__()
        self.flow, self.latent_dim, self.data_shape = nn.Linear(2, 2), 2, tuple(data_shape)
        if self.data_shape != (2,):
            raise ValueError("only for points")

    def sample(self, z):
        return self.flow(z)

@dataclass(frozen=True)
class FlowLoss:
    """Mean squared code."""

    def phases(self):
        return (Phase("flow", ("flow",), self.loss),)

    def loss(self, model, batch):
        return PhaseLoss(model.flow(batch.x).square().mean(), {})
'''


def test_a_loss_of_an_unusual_model_is_checked_on_the_model_of_its_plugin(site, monkeypatch):
    supply(site, monkeypatch, "check_flow", LOSS)
    found = reports("check_flow", code=0)
    assert "two processes are one" in {law["law"] for law in found["loss"]["laws"]}
    supply(
        site,
        monkeypatch,
        "check_no_flow",
        LOSS.replace("self.flow, self", "self.net, self").replace("self.flow(z)", "self.net(z)"),
    )
    found = reports("check_no_flow", code=0)["loss"]
    assert_names(found["not_checked"], "flow", "this plugin have net", "no recipe", "assert_loss_is_lawful", "recipes/")
    assert "phases" in {law["law"] for law in found["laws"]}


def test_a_loss_is_checked_on_the_model_of_its_recipe_which_another_plugin_supplies(site, monkeypatch):
    alone = LOSS.replace(
        '    yield Entry("flow", "{module}:Flow", "A linear flow", "closed form")', "    yield from ()"
    )
    supply(site, monkeypatch, "check_other", LOSS.replace('Entry("flow"', 'Entry("flow-of-other"'))
    supply(site, monkeypatch, "check_alone", alone)
    monkeypatch.setenv("GENKIT_PLUGINS", "check_alone,check_other")
    assert_names(reports("check_alone", code=0)["loss"]["not_checked"], "this plugin has no model")
    (site / "pyproject.toml").write_text("")
    (site / "recipes").mkdir()
    recipe = '[data]\nuse="8-gaussians"\n[model]\nuse="flow-of-other"\n[loss]\nuse="flow"\n'
    (site / "recipes" / "x.toml").write_text(recipe.replace("-of-other", "-of-otter"))
    assert_names(reports("check_alone", code=0)["loss"]["not_checked"], "x.toml", "flow-of-otter")
    (site / "recipes" / "x.toml").write_text(recipe)
    found = reports("check_alone", code=0)["loss"]
    assert not found["not_checked"] and "two processes are one" in {law["law"] for law in found["laws"]}


def test_a_model_is_checked_with_the_shape_of_the_data_of_its_recipe(site, monkeypatch):
    five = (("nn.Linear(2, 2), 2", "nn.Linear(5, 5), 5"), ("!= (2,)", "!= (5,)"), ("only for points", "only for five"))
    source = LOSS
    for old, new in five:
        assert old in source
        source = source.replace(old, new)
    supply(site, monkeypatch, "check_five", source)
    assert_names(
        reports("check_five", code=0)["model"]["not_checked"], "only for five", "assert_model_is_lawful", "recipe"
    )
    (site / "pyproject.toml").write_text("")
    (site / "recipes").mkdir()
    data = '[data]\nuse="stand-in"\nshape=[5]\n'
    (site / "recipes" / "x.toml").write_text(data + '[model]\nuse="flow"\n[loss]\nuse="flow"\n')
    found = reports("check_five", code=0)
    assert not found["model"]["not_checked"] and "shapes" in {law["law"] for law in found["model"]["laws"]}
    assert not found["loss"]["not_checked"]  # which is tried on this model


def test_what_a_loss_says_of_itself_is_checked_without_a_model(site, monkeypatch):
    texts = "    @property\n    def about_terms(self):\n        return {'total': 3}\n\n"
    own = '("flow",)', '("teacher",)'
    supply(site, monkeypatch, "check_about", LOSS.replace(*own).replace("    def phases", texts + "    def phases"))
    found = reports("check_about", code=1)["loss"]
    assert_names(broken(found)["phases"], "about_terms")
    assert_names(found["not_checked"], "teacher", "decoder and encoder", "critic and generator", "plugin have flow")


def test_a_child_that_no_model_has_breaks_a_law_if_a_similar_name_or_a_recipe_shows_what_is_meant(site, monkeypatch):
    supply(site, monkeypatch, "check_flwo", LOSS.replace('("flow",)', '("flwo",)'))
    assert_names(
        broken(reports("check_flwo", code=1)["loss"])["children"], '"flwo"', "it has flow", "Did you mean flow?"
    )
    supply(site, monkeypatch, "check_teacher", LOSS.replace('("flow",)', '("teacher",)'))
    assert reports("check_teacher", code=0)["loss"]["not_checked"]
    (site / "pyproject.toml").write_text("")
    (site / "recipes").mkdir()
    (site / "recipes" / "x.toml").write_text('[data]\nuse="8-gaussians"\n[model]\nuse="mlp"\n[loss]\nuse="flow"\n')
    assert_names(broken(reports("check_teacher", code=1)["loss"])["children"], '"teacher"', "decoder and encoder")


HELPER = "    def loss(self, model, batch):"


@pytest.mark.parametrize(
    ("module", "lines", "meant"),
    [
        ("check_action", "    def action(self):\n        return ()\n\n" + HELPER, "Did you mean actions?"),
        ("check_helper", "    def action(self): ...\n\n" + HELPER + "\n        self.action()", ""),
        ("check_private_helper", "    def _action(self): ...\n\n" + HELPER, ""),
    ],
)
def test_a_method_that_nothing_calls_and_that_is_almost_a_member_breaks_a_law(site, monkeypatch, module, lines, meant):
    supply(site, monkeypatch, module, LOSS.replace(HELPER, lines))
    found = broken(reports(module, code=1 if meant else 0)["loss"])
    assert set(found) == ({"names of members"} if meant else set())
    assert meant in found.get("names of members", "")


def test_the_advice_about_a_global_draw_is_given_once(site, monkeypatch):
    supply(
        site,
        monkeypatch,
        "check_draws",
        LOSS.replace("model.flow(batch.x).sq", "model.flow(torch.rand_like(batch.x)).sq"),
    )
    lines = genkit("plugins", "check", "check_draws").out.splitlines()
    (law,) = [line for line in lines if "draws from the batch only:" in line]
    assert law.count("batch.randn") == 1


def test_a_plugin_that_is_not_selected_is_refused(site, monkeypatch):
    supply(site, monkeypatch, "check_left", GOOD)
    for selected in ("none", "introvae"):
        monkeypatch.setenv("GENKIT_PLUGINS", selected)
        message = refused("plugins", "check", "genkit-torch-check-left")
        assert_names(message, "check_left", f"GENKIT_PLUGINS={selected}", "unset GENKIT_PLUGINS")
    assert_names(refused("--plugins", "none", "plugins", "check", "check_left"), "leave out --plugins")


PARTS = '''\
"""A prior and a data set, with what the tests replace."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from genkit.api import Samples, StandardNormal
from genkit.hooks import Entry, hookimpl

genkit_hooks = 1

@hookimpl
def genkit_priors():
    yield Entry("wide", "{module}:Wide", "N(0, I)", "closed form")

@hookimpl
def genkit_datasets():
    yield Entry("noise", "{module}:NoiseSet", "Gaussian points", "closed form")

class Wide(StandardNormal):
    """N(0, I)."""

    def __init__(self, *, latent_dim: int) -> None:
        pass  # of the prior
        super().__init__(latent_dim=latent_dim)

@dataclass(frozen=True)
class NoiseSet:
    """Gaussian points."""

    shape: ClassVar[tuple[int, ...]] = (2,)
    split: ClassVar[str] = "drawn"
    size: ClassVar[None] = None

    def __post_init__(self):
        pass  # of the constructor

    def unmet(self):
        pass  # of unmet
        return ()

    def held_out(self):
        pass  # of held_out
        return self

    def batch(self, indices, noise):
        return Samples(noise.randn("x", 2))
'''
MISSING = "from genkit.errors import UsageError; raise UsageError('x.zip: not found')"


def with_line(where: str, line: str) -> str:
    assert f"pass  # of {where}" in PARTS
    return PARTS.replace(f"pass  # of {where}", line)


def test_the_prior_and_the_data_set_of_these_tests_are_lawful(site, monkeypatch):
    supply(site, monkeypatch, "check_parts", PARTS)
    found = reports("check_parts", code=0)
    assert "codes follow the density" in {law["law"] for law in found["prior"]["laws"]}
    assert "the same samples again" in {law["law"] for law in found["dataset"]["laws"]}


def test_a_prior_of_many_dimensions_only_is_not_checked(site, monkeypatch):
    line = "if latent_dim < 4: raise ValueError('latent_dim: give 4 or more.')"
    supply(site, monkeypatch, "check_wide", with_line("the prior", line))
    found = reports("check_wide", code=0)
    assert_names(found["prior"]["not_checked"], "2, 1 and 3", "latent_dim: give 4 or more. Let")
    assert "codes follow the density" not in {law["law"] for law in found["prior"]["laws"]}


@pytest.mark.parametrize(
    ("where", "law"), [("the constructor", "constructs"), ("held_out", "answers"), ("unmet", "answers")]
)
def test_a_bug_is_reported_where_it_is(site, monkeypatch, where, law):
    module = f"check_bug_{where.replace(' ', '_')}"
    supply(site, monkeypatch, module, with_line(where, "raise KeyError('rows')"))
    found = broken(reports(module, code=1)["dataset"])
    assert set(found) == {law}
    assert_names(found[law], "NoiseSet", "KeyError", f"{module}.py, line")


@pytest.mark.parametrize("where", ["the constructor", "held_out", "unmet"])
def test_data_that_are_not_there_leave_a_part_unchecked(site, monkeypatch, where):
    module = f"check_absent_{where.replace(' ', '_')}"
    supply(site, monkeypatch, module, with_line(where, MISSING))
    checked = genkit("plugins", "check", module, "--json")
    (found,) = [report for report in json.loads(checked.out)["reports"] if report["kind"] == "dataset"]
    assert not broken(found)
    assert_names(found["not_checked"], "x.zip: not found")


def test_what_an_unmet_part_needs_is_said_with_the_remedy(site, monkeypatch):
    source = with_line("unmet", "return ('x.zip: not found.',)")
    supply(site, monkeypatch, "check_unmet", source)
    found = reports("check_unmet", code=0)["dataset"]
    assert_names(found["not_checked"], "x.zip: not found. Supply", "--set", "check again")
    assert not broken(found)


@pytest.mark.parametrize(
    ("hooks", "advice"),
    [("genkit_hooks = 2", "Update genkit-torch."), ("", "Add `genkit_hooks = 1` at the top of hooks0.py")],
)
def test_hooks_of_another_version_get_one_piece_of_advice(site, monkeypatch, hooks, advice):
    module = f"hooks{len(hooks)}"  # a module of its own, since Python imports each once
    supply(site, monkeypatch, module, change(("genkit_hooks = 1", hooks)))
    result = genkit("plugins", "check", module)
    assert result.code == 1
    (line,) = [line for line in result.out.splitlines() if line.split()[:2] == ["broken", "hooks:"]]
    assert advice in line and line.lower().count(advice.split()[0].lower()) == 1 and "Correct" not in line


def test_a_part_that_cannot_be_imported_gets_one_piece_of_advice(site, monkeypatch):
    supply(site, monkeypatch, "wrong", change(("{module}:StepUp", "{module}:StepDown")))
    assert_names(genkit("plugins", "check", "wrong").out, "StepUp", "Correct the target of its Entry in wrong.py")
    assert "uninstall" not in genkit("plugins", "check", "wrong").out
