"""One name decides all names of a plugin, and a name that would clash is refused before anything is written."""

import ast
import keyword

import pytest

from genkit.errors import UsageError
from genkit.parts import builtin
from genkit.recipe.installed.registry import Owner, Registry
from genkit.scaffold.files import files_of
from genkit.scaffold.kinds import Kind, with_needed
from genkit.scaffold.names import LONGEST, PluginName
from genkit.scaffold.taken import refuse_taken


def refusal(name: str) -> str:
    with pytest.raises(UsageError) as refused:
        PluginName(name)
    assert str(refused.value).startswith(f"NAME {name}: ")
    return str(refused.value)


def test_all_names_follow_from_one():
    plugin = PluginName("my-method-2")
    assert (plugin.distribution, plugin.package) == ("genkit-torch-my-method-2", "genkit_my_method_2")
    assert plugin.class_of("loss") == "MyMethod2Loss"
    assert f"{plugin.package}.{plugin.class_of('loss')}".replace(".", "").isidentifier()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("my_method", "my-method"),
        ("MyMethod", "my-method"),
        ("my method!", "my-method"),
        ("-x", "x"),
        ("x--y", "x-y"),
        ("2d", "my-method"),
        ("", "my-method"),
        ("méthode", "m-thode"),
        ("a/b", "a-b"),
        ("..", "my-method"),
        ("x\n", "x"),
    ],
)
def test_a_name_of_another_form_is_refused_with_one_of_the_right_form(name, meant):
    assert refusal(name).endswith(f" {meant}.")


@pytest.mark.parametrize("name", ["genkit-torch-mine", "genkit-mine"])
def test_the_prefix_of_a_distribution_is_not_repeated(name):
    assert refusal(name).endswith(" mine.")


def test_no_keyword_of_python_is_a_name():
    for word in filter(str.isidentifier, ({each.lower() for each in keyword.kwlist} - {"none"})):
        assert "keyword" in refusal(word)


@pytest.mark.parametrize("name", ["all", "none", "genkit"])
def test_a_word_of_the_plugins_option_is_no_name(name):
    assert f"--plugins {name}" in refusal(name)


def test_a_name_has_a_longest_length():
    assert PluginName("x" * LONGEST)
    assert str(LONGEST) in refusal("x" * (LONGEST + 1))


def registry() -> Registry:
    found = Registry()
    found.register(builtin, Owner("genkit", "genkit-torch", "0.1.0"))
    return found


def test_a_name_is_taken_by_a_part_of_the_same_kind_only():
    with pytest.raises(UsageError, match=r"NAME mlp: .*genkit-torch 0.1.0"):
        refuse_taken(PluginName("mlp"), [Kind.LOSS, Kind.MODEL], registry())
    refuse_taken(PluginName("mlp"), [Kind.LOSS], registry())


def test_a_name_is_taken_by_a_module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "genkit_taken_module.py").touch()
    with pytest.raises(UsageError, match="NAME taken-module: .*genkit_taken_module.py"):
        refuse_taken(PluginName("taken-module"), [Kind.LOSS], registry())


@pytest.mark.parametrize(("distribution", "entry_point"), [("genkit-torch-taken", "other"), ("other", "taken")])
def test_a_name_is_taken_by_a_distribution_or_its_entry_point(tmp_path, monkeypatch, distribution, entry_point):
    monkeypatch.syspath_prepend(tmp_path)
    info = tmp_path / f"{distribution.replace('-', '_')}-3.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 3.2\n")
    (info / "entry_points.txt").write_text(f"[genkit]\n{entry_point} = elsewhere\n")
    with pytest.raises(UsageError, match=f"NAME taken: .*{distribution} 3.2"):
        refuse_taken(PluginName("taken"), [Kind.LOSS], registry())


@pytest.mark.parametrize(
    ("name", "kind"), [("phase", Kind.LOSS), ("reconstruction", Kind.ERROR), ("model", Kind.METRIC)]
)
def test_a_class_that_its_module_imports_is_refused(name, kind):
    with pytest.raises(UsageError, match=f"NAME {name}: .*{PluginName(name).class_of(kind)}.*genkit.api"):
        files_of(PluginName(name), [kind])


@pytest.mark.parametrize("kind", list(Kind))
def test_a_kind_as_the_name_gives_a_class_of_its_own(kind):
    """The shortest names that a class could share with an interface: `ScoreScore` derives from `Score`."""
    text = files_of(PluginName(str(kind)), with_needed((kind,)))[f"genkit_{kind}/{kind}.py"]
    names = [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    assert names[0] == str(kind).capitalize() * 2
