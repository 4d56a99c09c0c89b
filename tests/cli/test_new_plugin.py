"""`genkit plugins new` as an author calls it: what it prints, writes and refuses."""

import json

import pytest
from support.commands import genkit, refused
from support.messages import assert_names


def new(*arguments: str) -> list[str]:
    """Write a package, and return the commands that are printed as the next ones."""
    result = genkit("plugins", "new", *arguments)
    assert result.code == 0, result.err
    return [line.strip() for line in result.out.partition("next\n")[2].splitlines()]


def kinds(*names: str) -> list[str]:
    return [word for name in names for word in ("--kind", name)]


def test_the_next_commands_name_what_was_written(isolated):
    commands = new("my-method", *kinds("loss"), "--out", "a folder")
    assert commands[0] == "cd 'a folder'"
    assert "genkit plugins check my-method" in commands
    assert (isolated / "a folder" / commands[-1].split()[-1]).is_file()  # the recipe


def test_what_a_kind_needs_is_said(isolated):
    result = genkit("plugins", "new", "my-method", *kinds("divergence"))
    (line,) = (line for line in result.out.splitlines() if "loss.py" in line)
    assert "divergence" in line
    assert (isolated / "my-method" / "genkit_my_method" / "loss.py").is_file()


def test_json_has_the_files_of_the_parts(isolated):
    result = genkit("plugins", "new", "my-method", *kinds("score", "metric"), "--json")
    facts = json.loads(result.out)
    assert facts["parts"].keys() == {"score", "metric"}
    assert all((isolated / facts["folder"] / file).is_file() for file in facts["parts"].values())
    assert "genkit plugins check my-method" in facts["next"]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("My Method", *kinds("loss")), ("NAME My Method: ", "my-method")),
        (("class", *kinds("loss")), ("NAME class: ", "keyword")),
        (("mlp", *kinds("loss", "model")), ("NAME mlp: ", "model", "genkit-torch")),
        (("mine", *kinds("loss", "score", "loss")), ("--kind loss: ",)),
        (("mine", *kinds("lost")), ("--kind", "lost", "Did you mean loss?")),
        (("mine",), ("--kind",)),
        (("mine", *kinds("loss"), "--out", "taken"), ("taken: ", "--out")),
        (("taken", *kinds("loss")), ("taken: ", "--out")),
        (("mine", *kinds("loss"), "--out", "x" * 300), ("255",)),
    ],
)
def test_a_refusal_writes_nothing(isolated, arguments, names):
    (isolated / "taken").mkdir()
    assert_names(refused("plugins", "new", *arguments), *names)
    assert [path.name for path in isolated.rglob("*")] == ["taken"]


def test_the_messages_of_new_plugins(isolated, golden):
    texts = [genkit("plugins", "new", "my-method", *kinds("divergence", "schedule")).out]
    for name in ("My Method", "genkit-torch-mine", "class", "all", "mlp", "phase", "x" * 50, "my-method"):
        texts.append(refused("plugins", "new", name, *kinds("loss", "model")))
    golden("cli_plugins_new", "\n".join(texts))
