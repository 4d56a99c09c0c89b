"""Mistakes in a call of `genkit run`: one message with the place, exit code 2, and no run folder."""

import json
from pathlib import Path

import pytest
from support.commands import TINY, genkit, refused, write_recipe
from support.messages import assert_names

MNIST = """\
[data]
use = "mnist"
path = "nowhere/mnist"
"""


@pytest.fixture(autouse=True)
def recipe(isolated) -> Path:
    return write_recipe(isolated)


def run_refused(*arguments: object) -> str:
    """Return the message of a refused `genkit run`, which leaves no run folder."""
    message = refused("run", *arguments, "-q")
    assert not list(Path("runs").glob("0*"))
    return message


def with_mnist() -> Path:
    """Write a recipe of MNIST files that do not exist."""
    text = TINY.replace('[data]\nuse = "8-gaussians"\n', MNIST).partition("[metrics.modes]")[0]
    return write_recipe(Path(), text)


@pytest.mark.parametrize(
    ("name", "content", "names"),
    [
        ("none.toml", None, ["none.toml: ", "genkit recipes"]),
        ("", None, [".: ", "folder", "TOML"]),
        ("binary.toml", b"\x89PNG\xff\xfe\x00", ["binary.toml: ", "UTF-8"]),
        ("zeros.toml", bytes(64), ["zeros.toml: ", "TOML"]),
        ("broken.toml", b'title = "x"\nseed = = 3\n', ["broken.toml: ", "TOML", "line 2, column 8"]),
        ("twice.toml", b"seed = 1\nseed = 2\n", ["twice.toml: ", "TOML", "line 2"]),
    ],
)
def test_a_file_that_is_not_a_recipe_is_refused(name, content, names):
    if content is not None:
        Path(name).write_bytes(content)
    assert_names(run_refused(Path(name)), *names)


def test_an_empty_recipe_is_refused_with_all_missing_tables():
    Path("empty.toml").write_text("")
    message = run_refused("empty.toml")
    for table in ("title", "data", "model", "loss", "optimiser", "train"):
        assert_names(message, f"empty.toml {table}: missing")


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("width = 16", "widht = 16", ["tiny.toml:8 [model] widht: ", '"mlp"', "Did you mean width?"]),
        ("[metrics.modes]", "[metric.modes]", [" metric: ", "Did you mean metrics?"]),
        ('use = "vae"', 'use = "vea"', ["tiny.toml:11 [loss] use: ", '"vea"', "Did you mean vae?"]),
        ("width = 16", 'width = "16"', ["tiny.toml:8 [model] width: ", "16", "integer"]),
        ("width = 16", "width = 0", ["tiny.toml:8 [model] width: found 0, ", "positive"]),
        ("steps = 5", "steps = 5.5", ["tiny.toml:22 [train] steps: ", "5.5", "integer"]),
        ("lr = 1e-3", "lr = true", ["tiny.toml:15 [optimiser.encoder] lr: ", "number", "table"]),
        ('use = "mlp"', 'use = "small-conv"', ["tiny.toml:8 [model] width: "]),
        ('use = "vae"', 'use = "soft-introvae"', ["tiny.toml:11 [loss] use: ", '"soft-introvae"', "GENKIT_PLUGINS"]),
        ('"8-gaussians"', '"mlp"', ["tiny.toml:4 [data] use: ", '"mlp"', "models"]),
        ("[optimiser.decoder]", "[optimiser.critic]", ["[optimiser] decoder: missing", '"vae"']),
    ],
)
def test_a_mistake_in_a_recipe_is_reported_with_its_place(tmp_path, old, new, names):
    assert old in TINY
    write_recipe(tmp_path, TINY.replace(old, new))
    assert_names(run_refused("tiny.toml"), *names)
    assert_names(refused("plan", "tiny.toml"), *names)


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("", ["--set : ", "table.key=value"]),
        ("seed", ["--set seed: ", "table.key=value"]),
        ("=3", ["--set =3: ", "table.key=value"]),
        ("train..steps=3", ["--set train..steps=3: ", "table.key=value"]),
        ("train.steps=", [" train: ", "steps", "epochs"]),
        ("train.epochs=3", [" train: ", "steps", "epochs", "--set train.epochs="]),
        ("train.stpes=3", ["--set [train] stpes: ", "Did you mean steps?"]),
        ("train.steps.x=3", ["--set train.steps.x=3: ", "steps is 5"]),
        ("metrics=3", ["--set metrics: ", "3", "[metrics.NAME]"]),
        ("metrics.modes=3", ["--set [metrics] modes: ", "3"]),
        ("model=[1]", ["--set model: ", "[1]"]),
        ("seed=-1", ["--set seed: ", "-1"]),
        ("model.width=1000000000000", ["tiny.toml:6 and --set model: ", "RuntimeError"]),
    ],
)
def test_a_wrong_override_is_refused(override, names):
    assert_names(run_refused("tiny.toml", "--set", override), *names)


def test_all_mistakes_are_reported_at_once():
    message = run_refused("tiny.toml", "--set", "model.widht=1", "--set", "train.steps=x", "--set", "loss.use=vea")
    assert message.count("\n") == 3
    assert_names(message, "[model] widht: ", "[train] steps: ", "[loss] use: ")


@pytest.mark.parametrize("command", [("run",), ("plan",), ("data", "check"), ("data", "show")])
def test_missing_data_are_reported_with_mistakes_of_other_tables(command):
    changes = ("--set", "data.path=nix", "--set", "model.width=0", "--set", "train.warm_start=gone")
    with_mnist()
    result = genkit(*command, "tiny.toml", *changes)
    assert result.code == 2 and not list(Path().glob("runs/*"))
    places = ("--set [model] width: ", "--set [data] path: ", "--set [train] warm_start: ")
    assert_names(result.err, *places)
    assert result.err.count("\n") == len(places)


def test_missing_data_are_unmet_in_the_plan_and_stop_the_run(tmp_path):
    with_mnist()
    names = (f"{tmp_path}/nowhere/mnist", "train-images-idx3-ubyte")
    assert_names(run_refused("tiny.toml"), *names)
    result = genkit("plan", "tiny.toml")
    assert result.code == 1 and "\nkeys" in result.out
    assert_names(result.out.splitlines()[-1], "unmet", "tiny.toml:5 [data] path")
    assert_names(result.err, "unmet: ", "tiny.toml:5 [data] path: ", *names)
    result = genkit("plan", "tiny.toml", "--json")
    assert result.code == 1 and "[data] path: " in json.loads(result.out)["unmet"][0]


def test_unreadable_data_leave_no_run(tmp_path):
    with_mnist()
    (tmp_path / "nowhere" / "mnist").mkdir(parents=True)
    for stem in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / "nowhere" / "mnist" / f"{stem}-ubyte").write_bytes(b"<html>")
    assert_names(run_refused("tiny.toml"), "idx", "nowhere/mnist")


def test_half_precision_without_an_accelerator_is_refused(monkeypatch):
    monkeypatch.setattr("torch.accelerator.is_available", lambda: False)
    assert_names(run_refused("tiny.toml", "--set", "train.precision=fp16"), "[train] precision", "fp16", "accelerator")
    result = genkit("plan", "tiny.toml", "--set", "train.precision=fp16")
    assert result.code == 1 and "\n--set [train] precision: " in result.err


def test_an_unknown_precision_is_refused():
    assert_names(run_refused("tiny.toml", "--set", "train.precision=fp8"), "[train] precision: ", "fp8", "fp32")


@pytest.mark.parametrize("place", ["taken", "taken/below"])
def test_a_place_where_no_run_folder_can_be_made_is_refused(place):
    Path("taken").write_text("a file")
    assert_names(run_refused("tiny.toml", "--runs", place), f"error: --runs {place}: ")
    assert Path("taken").read_text() == "a file"


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("train={epochs=2, batch_size=16}", ["[train] epochs: ", '"8-gaussians"', "steps"]),
        ("train.warm_start=nowhere", ["warm_start: ", "{cwd}/nowhere"]),
        ("train.warm_start=.", ["warm_start: ", "{cwd}"]),
    ],
)
def test_a_mistake_that_is_found_late_leaves_no_run(tmp_path, override, names):
    assert_names(run_refused("tiny.toml", "--set", override), *(name.format(cwd=tmp_path) for name in names))


def test_a_wrong_recipe_is_reported_before_processes_are_started(monkeypatch):
    monkeypatch.setattr("subprocess.Popen", lambda *arguments, **options: pytest.fail("started"))
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert_names(run_refused("tiny.toml", "--set", "model.widht=1", "--processes", "2"), "Did you mean width?")
    message = run_refused("tiny.toml", "--processes", "3")
    assert_names(message, "tiny.toml:23 [train] batch_size: 16", "3 processes", "15 or 18")


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["run", "tiny.toml", "--sett", "a=1"], ["train"], ["run", "a", "b"]],
)
def test_a_call_that_does_not_parse_is_answered_with_the_usage(arguments):
    message = refused(*arguments)
    assert message.startswith("Usage: ") and " -h" in message
    assert not Path("runs").exists()


def test_missing_data_are_reported_with_the_mistakes_of_a_recipe(tmp_path):
    with_mnist()
    message = refused("plan", "tiny.toml", "--set", "train.stps=3")
    assert_names(message, "[train] stps: ", "tiny.toml:", "[data] path: ", f"{tmp_path}/nowhere/mnist")


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("run", "tiny.toml", "--runs", "a", "--runs", "b"), "--runs"),
        (("run", "tiny.toml", "--runs=a", "-q", "--runs=b"), "--runs"),
        (("sample", "nowhere", "-n", "3", "--number=4"), "--number"),
        (("anomaly", "nowhere", "--data", "a", "--data", "b"), "--data"),
        (("data", "show", "tiny.toml", "--out", "a.png", "--out", "b.png"), "--out"),
        (("sample", "nowhere", "-n3", "-n4"), "--number"),
        (("run", "tiny.toml", "--runs", "a", "-q", "--runs", "b"), "--runs"),
        (("table", "show", "nowhere.toml", "--format", "csv", "--format", "latex"), "--format"),
        (("table", "nowhere.toml", "--format", "csv", "--format", "latex"), "--format"),
        (("--plugins", "none", "--plugins=all", "plugins"), "--plugins"),
        (("compare", "--html", "--html", "nowhere"), "--html"),
        (("compare", "a", "b", "--html", "a.html", "--html=b.html"), "--html"),
        (("table", "show", "nowhere.toml", "--html", "--cells", "a", "--cells", "b"), "--cells"),
    ],
)
def test_an_option_with_one_value_is_not_given_twice(arguments, option):
    result = genkit(*arguments)
    assert result.code == 2
    assert_names(result.err, option, "2 times")


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("eval", "nowhere", "--metrics", "modes", "--metrics=psnr,ssim"), "--metrics modes,psnr,ssim"),
        (("sample", "nowhere", "--label", "1", "--label", "2"), "--label 1,2"),
        (("--plugins", "none", "--plugins", "all", "plugins"), "--plugins none,all"),
    ],
)
def test_a_list_that_is_given_twice_is_refused_with_the_list_of_both(arguments, option):
    result = genkit(*arguments)
    assert result.code == 2
    assert_names(result.err, option)


def test_a_command_is_completed_whatever_is_given_twice(monkeypatch, capsys):
    words = "genkit eval nowhere --metrics modes --metrics psnr --bat"
    monkeypatch.setenv("_GENKIT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    result = genkit()
    assert "--batch-norm" in result.out and "times" not in result.out + result.err


def test_options_may_be_values_and_flags_and_lists_may_be_repeated():
    result = genkit("plan", "tiny.toml", "--set", "title=--seed", "--set", "seed=1", "--set", "--set=2")
    assert "times" not in result.err
    for arguments in (("compare", "--html", "--", "--html"), ("run", "-q", "-q", "a.toml"), ("ls", "--", "--sort")):
        assert "times" not in genkit(*arguments).err


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("fit-prior", "runs/0001-x", "--prior", "normal"), ("--prior: ", "--components", "[model] prior")),
        (("eval", "runs/0001-x", "fid", "psnr"), ("fid psnr: ", "--metrics fid,psnr")),
        (("tune", "tiny.toml", "--space", "space.toml", "--metric=fid"), ("--metric: ", "metric = LABEL")),
        (("tune", "tiny.toml", "--space", "tiny.toml"), ("--space tiny.toml: ", "`genkit recipes`", "recipes copy")),
        (("compare", "nix", "nix", "--html", "pages"), ("nix: not found",)),
        (("compare", "--html", "pages", "nix"), ("pages: ", "--html=pages/")),
        (("recipes", "copy", "nope"), ('"nope"', "`genkit recipes`")),
    ],
)
def test_a_wrong_call_says_what_takes_its_place(arguments, names):
    Path("pages").mkdir()
    message = refused(*arguments)
    assert_names(message, *names)
    assert len(message) < 500 and ("--html=pages/" in message) == ("--html=pages/" in names)
