"""Parts by kind and name, and the plugins that supply them."""

import sys

import pytest
import torch
from support.messages import assert_names
from support.tiny_parts import registry_with

from genkit.errors import UsageError
from genkit.hooks import Entry, hookimpl
from genkit.recipe.installed import plugin_selection
from genkit.recipe.installed import registry as registry_module
from genkit.recipe.installed.describe_parts import parts_named
from genkit.recipe.installed.registry import INSTALL_ITS_PLUGIN, Owner, load_registry


class Moons:
    genkit_hooks = 1

    @hookimpl
    def genkit_datasets(self):
        yield Entry("two-moons", "no_such_module:TwoMoons", "", "")


def test_a_part_has_its_owner():
    assert str(registry_with(Moons()).find("datasets", "two-moons").owner) == "genkit-torch-plugin0 2.0"


def test_two_owners_of_one_name_are_both_named_and_only_when_it_is_used():
    registry = registry_with(Moons(), Moons())
    assert registry.find("datasets", "blob")
    with pytest.raises(UsageError) as refused:
        registry.find("datasets", "two-moons")
    owners = ("genkit-torch-plugin0 2.0", "genkit-torch-plugin1 2.0")
    assert_names(refused.value, '"two-moons"', *owners, "GENKIT_PLUGINS", "plugin0, plugin1")


def test_an_unknown_name_is_reported_with_its_near_miss():
    with pytest.raises(UsageError, match="Did you mean two-moons"):
        registry_with(Moons()).find("datasets", "two-moon")


def test_a_name_of_another_kind_is_reported_with_that_kind():
    with pytest.raises(UsageError) as refused:
        registry_with(Moons()).find("losses", "two-moons")
    assert_names(refused.value, 'loss "two-moons"', "datasets", "vae")
    assert INSTALL_ITS_PLUGIN not in str(refused.value)


def test_a_name_that_is_near_to_none_may_be_of_a_plugin_that_is_not_installed():
    registry = registry_with(Moons())
    with pytest.raises(UsageError) as refused:
        registry.find("losses", "free-bits")
    assert_names(refused.value, 'loss "free-bits"', "vae", "with pip", "`genkit plugins`")
    assert "two-moons" not in str(refused.value)  # a data set
    with pytest.raises(UsageError) as refused:
        registry.find("losses", "free-bits", " Install x.")
    assert str(refused.value).endswith(" Install x.") and INSTALL_ITS_PLUGIN not in str(refused.value)


def test_a_part_of_any_kind_that_is_unknown_is_reported_without_the_names_of_all_parts():
    with pytest.raises(UsageError) as refused:
        parts_named(registry_with(Moons()), "free-bits")
    assert_names(refused.value, 'part "free-bits"', "with pip", "`genkit plugins`")
    assert "vae" not in str(refused.value)
    with pytest.raises(UsageError, match=r"Did you mean two-moons\?$"):
        parts_named(registry_with(Moons()), "two-moon")


def test_a_target_that_cannot_be_imported_names_the_plugin():
    with pytest.raises(UsageError, match=r"no_such_module.*genkit-torch-plugin0 2\.0"):
        registry_with(Moons()).find("datasets", "two-moons").load()


def test_a_plugin_that_raises_is_named_where_it_is_needed():
    class Raises:
        genkit_hooks = 1

        @hookimpl
        def genkit_losses(self):
            raise RuntimeError("out of ideas")

    with pytest.raises(UsageError) as refused:
        registry_with(Raises()).find("losses", "anything")
    assert_names(
        refused.value,
        '"anything"',
        '"plugin0" of genkit-torch-plugin0 2.0: RuntimeError: out of ideas (test_registry.py, line',
    )


@pytest.mark.parametrize(("version", "reason"), [(2, "update genkit-torch"), (None, "genkit_hooks = 1")])
def test_a_plugin_for_other_hooks_is_not_loaded(version, reason):
    plugin = Moons()
    plugin.genkit_hooks = version
    registry = registry_with(plugin)
    assert reason in str(registry.broken[0])
    assert not registry.parts.get(("datasets", "two-moons"))


def test_a_hook_that_does_not_yield_entries_is_named():
    class Wrong:
        genkit_hooks = 1

        @hookimpl
        def genkit_losses(self):
            yield ("a", "b")

    assert_names(registry_with(Wrong()).broken[0].reason, "genkit_losses", "('a', 'b')", "Entry")


def test_a_hook_that_does_not_exist_is_named():
    class Misspelt:
        genkit_hooks = 1

        @hookimpl
        def genkit_loses(self):
            yield Entry("a", "b:c", "", "")

    assert_names(registry_with(Misspelt()).broken[0].reason, "genkit_loses", "Did you mean genkit_losses")


def test_a_name_that_one_plugin_yields_twice_is_named():
    class Twice:
        genkit_hooks = 1

        @hookimpl
        def genkit_losses(self):
            yield from 2 * (Entry("a", "b:c", "", ""),)

    assert_names(registry_with(Twice()).broken[0].reason, "genkit_losses", '"a"')


@pytest.mark.parametrize("error", [SystemExit(0), GeneratorExit()])
def test_a_hook_that_exits_does_not_stop_the_program(error):
    class Leaves:
        genkit_hooks = 1

        @hookimpl
        def genkit_losses(self):
            raise error

    (broken,) = registry_with(Leaves()).broken
    assert_names(broken, '"plugin0"', "genkit-torch-plugin0 2.0", type(error).__name__)


def test_ctrl_c_in_a_plugin_is_not_a_failure_of_the_plugin(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    install(monkeypatch, FakePoint("slow", interrupted))
    with pytest.raises(KeyboardInterrupt):
        load_registry()


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda: torch.set_default_dtype(torch.float64), ("torch.float64",)),
        (lambda: torch.set_default_device("meta"), ("meta",)),
        (lambda: torch.set_grad_enabled(False), ("gradients",)),
    ],
)
def test_a_plugin_that_changes_the_defaults_of_torch_is_named_and_they_are_restored(monkeypatch, change, names):
    def load():
        change()
        return Moons()

    install(monkeypatch, FakePoint("rude", load))
    (broken,) = load_registry().broken
    assert_names(broken, '"rude"', *names)
    assert torch.get_default_dtype() == torch.float32
    assert torch.empty(0).device.type == "cpu" and torch.is_grad_enabled()


def test_a_module_of_a_part_that_changes_the_defaults_of_torch_is_named(monkeypatch, tmp_path):
    (tmp_path / "doubling_part.py").write_text(
        "import torch\ntorch.set_default_dtype(torch.float64)\nclass Loss: pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    class Doubles:
        genkit_hooks = 1

        @hookimpl
        def genkit_losses(self):
            yield Entry("doubles", "doubling_part:Loss", "", "")

    with pytest.raises(UsageError) as refused:
        registry_with(Doubles()).find("losses", "doubles").load()
    assert_names(refused.value, '"doubles"', "torch.float64", "genkit-torch-plugin0 2.0")
    assert torch.get_default_dtype() == torch.float32


class FakePoint:
    def __init__(self, name, load):
        self.name, self.load, self.dist = name, load, None


def install(monkeypatch, *points):
    monkeypatch.setattr(registry_module.importlib.metadata, "entry_points", lambda group: points)


def test_a_plugin_that_raises_on_import_does_not_stop_the_program(monkeypatch):
    def explode():
        raise ImportError("no module named nothing")

    install(monkeypatch, FakePoint("bad", explode), FakePoint("good", Moons))
    registry = load_registry()
    assert registry.find("datasets", "two-moons")
    (broken,) = registry.broken
    assert_names(broken, '"bad"', "ImportError: no module named nothing", "test_registry.py, line")


def test_a_plugin_that_exits_or_prints_on_import_does_not_stop_the_program(monkeypatch, capsys):
    def leave():
        print("hello")
        raise SystemExit(3)

    install(monkeypatch, FakePoint("rude", leave))
    assert_names(load_registry().broken[0], '"rude"', "SystemExit: 3")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("selection", "found"), [("all", True), ("none", False), ("good", True), ("other", False)])
def test_plugins_can_be_selected(monkeypatch, selection, found):
    install(monkeypatch, FakePoint("good", Moons), FakePoint("other", lambda: type("O", (), {"genkit_hooks": 1})()))
    monkeypatch.setenv("GENKIT_PLUGINS", selection)
    assert (("datasets", "two-moons") in load_registry().parts) is found


def test_selecting_a_plugin_that_is_not_installed_is_refused(monkeypatch):
    install(monkeypatch, FakePoint("good", Moons))
    monkeypatch.setenv("GENKIT_PLUGINS", "goood")
    with pytest.raises(UsageError, match="^GENKIT_PLUGINS=goood: .*Did you mean good"):
        load_registry()


def test_a_message_names_the_option_or_the_variable_that_selects_the_plugins(monkeypatch):
    install(monkeypatch, FakePoint("good", Moons))
    monkeypatch.setenv("GENKIT_PLUGINS", "none")
    with pytest.raises(UsageError, match=r"\(GENKIT_PLUGINS=none\); unset GENKIT_PLUGINS"):
        load_registry().find("datasets", "two-moons")
    monkeypatch.setattr(plugin_selection, "_by_option", False)  # restored after the test
    plugin_selection.select_plugins("none")
    with pytest.raises(UsageError, match=r"\(--plugins none\); leave out --plugins"):
        load_registry().find("datasets", "two-moons")
    plugin_selection.select_plugins("goood")
    with pytest.raises(UsageError, match="^--plugins goood: .*Did you mean good"):
        load_registry()
    plugin_selection.select_plugins("all")
    with pytest.raises(UsageError) as refused:
        load_registry().find("datasets", "two-moon")
    assert "Only some plugins" not in str(refused.value)


def test_every_built_in_part_loads_and_has_fields_and_a_docstring():
    from genkit.hooks import KINDS
    from genkit.parts import builtin
    from genkit.recipe.binding.part_fields import parameters_of
    from genkit.recipe.installed.registry import Registry

    registry = Registry()
    registry.register(builtin, Owner("genkit", "genkit-torch", "0"))
    assert not registry.broken
    for kind in KINDS:
        for part in registry.of_kind(kind):
            assert parameters_of(part.load()) is not None
            assert part.load().__doc__
    assert "torch" in sys.modules
