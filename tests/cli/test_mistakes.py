"""What `genkit run` answers to a wrong call: one message with a remedy, exit code 2, and no run folder."""

from pathlib import Path

import pytest
from support.commands import TINY, genkit, write_recipe

IMAGES = """\
[data]
use = "mnist"
path = "nowhere/mnist"
"""


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENKIT_PLUGINS", "none")
    return write_recipe(tmp_path)


def refused(*arguments: object) -> str:
    """Return the message of a call that is refused as wrong, and leaves nothing behind."""
    said = genkit(*arguments)
    assert said.code == 2, said
    assert not list(Path("runs").glob("0*"))
    assert said.err.startswith("error: ") or "Error: " in said.err
    return said.err


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("none.toml", None, "none.toml: not found"),
        ("", None, ".: a folder"),
        ("binary.toml", b"\x89PNG\xff\xfe\x00", "binary.toml: not UTF-8 text"),
        ("zeros.toml", bytes(64), "zeros.toml: not valid TOML"),
        (
            "broken.toml",
            b'title = "x"\nseed = = 3\n',
            "broken.toml: not valid TOML: Invalid value (at line 2, column 8)",
        ),
        ("twice.toml", b"seed = 1\nseed = 2\n", "twice.toml: not valid TOML: Cannot overwrite a value (at line 2"),
    ],
)
def test_a_file_that_is_no_recipe_is_told(name, content, expected):
    if content is not None:
        Path(name).write_bytes(content)
    assert expected in refused("run", Path(name))


def test_an_empty_file_is_told_all_that_a_recipe_needs():
    Path("empty.toml").write_text("")
    told = refused("run", "empty.toml")
    for table in ("title", "data", "model", "loss", "optimiser", "train"):
        assert f"empty.toml {table}: missing" in told


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("width = 16", "widht = 16", 'tiny.toml:8 [model] widht: unknown key of "mlp". Did you mean width?'),
        ("[metrics.modes]", "[metric.modes]", "metric: unknown key of a recipe. Did you mean metrics?"),
        ('use = "vae"', 'use = "vea"', 'tiny.toml:11 [loss] use: unknown loss "vea". Did you mean vae?'),
        ("width = 16", 'width = "16"', 'tiny.toml:8 [model] width: found "16", expected a positive integer.'),
        ("width = 16", "width = 0", "tiny.toml:8 [model] width: found 0, expected a positive integer."),
        ("steps = 5", "steps = 5.5", "tiny.toml:22 [train] steps: found 5.5, expected a positive integer"),
        ("lr = 1e-3", "lr = true", "tiny.toml:15 [optimiser.encoder] lr: found true, expected a number"),
        ('use = "mlp"', 'use = "small-conv"', "tiny.toml:8 [model] width: unknown key"),
        ('use = "vae"', 'use = "soft-introvae"', 'unknown loss "soft-introvae"'),
        ('"8-gaussians"', '"mlp"', 'unknown data set "mlp". "mlp" is one of the models.'),
        ("[optimiser.decoder]", "[optimiser.critic]", '[optimiser] decoder: missing (required by "vae"'),
    ],
)
def test_a_mistake_in_a_recipe_is_told_with_its_place(tmp_path, old, new, expected):
    assert old in TINY
    write_recipe(tmp_path, TINY.replace(old, new))
    assert expected in refused("run", "tiny.toml")
    assert expected in refused("plan", "tiny.toml")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("", "--set : expected table.key=value"),
        ("seed", "--set seed: expected table.key=value"),
        ("=3", "--set =3: expected table.key=value"),
        ("train..steps=3", "expected table.key=value"),
        ("train.steps=", "train: neither steps nor epochs"),
        ("train.epochs=3", "train: both steps and epochs"),
        ("train.stpes=3", "--set [train] stpes: unknown key of [train]. Did you mean steps?"),
        ("train.steps.x=3", "--set train.steps.x=3: steps is 5, not a table"),
        ("metrics=3", "--set metrics: found 3, expected tables [metrics.NAME]"),
        ("metrics.modes=3", "--set [metrics] modes: found 3"),
        ("model=[1]", "--set model: found [1]"),
        ("seed=-1", "--set seed: found -1"),
        ("model.width=1000000000000", "model: the dry run failed"),
    ],
)
def test_an_override_that_cannot_be_is_told(override, expected):
    assert expected in refused("run", "tiny.toml", "--set", override)


def test_all_mistakes_are_told_at_once():
    told = refused("run", "tiny.toml", "--set", "model.widht=1", "--set", "train.steps=x", "--set", "loss.use=vea")
    assert told.count("\n") == 3


def test_data_that_are_absent_are_named_by_the_plan_and_stop_the_run(tmp_path):
    text = TINY.replace('[data]\nuse = "8-gaussians"\n', IMAGES).partition("[metrics.modes]")[0]
    write_recipe(tmp_path, text)
    assert f"[data] path: not found in {tmp_path}/nowhere/mnist: train-images" in refused("run", "tiny.toml")
    said = genkit("plan", "tiny.toml")
    assert said.code == 0 and f"unmet       [data] path: not found in {tmp_path}/nowhere/mnist: " in said.out


def test_data_that_cannot_be_read_leave_no_run(tmp_path):
    text = TINY.replace('[data]\nuse = "8-gaussians"\n', IMAGES).partition("[metrics.modes]")[0]
    write_recipe(tmp_path, text)
    (tmp_path / "nowhere" / "mnist").mkdir(parents=True)
    for stem in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / "nowhere" / "mnist" / f"{stem}-ubyte").write_bytes(b"<html>")
    assert "idx" in refused("run", "tiny.toml", "-q")


def test_half_precision_without_an_accelerator_is_refused(monkeypatch):
    monkeypatch.setattr("torch.accelerator.is_available", lambda: False)
    told = refused("run", "tiny.toml", "--set", "train.precision=fp16")
    assert '[train] precision = "fp16" needs an accelerator' in told
    assert "unmet       [train] precision" in genkit("plan", "tiny.toml", "--set", "train.precision=fp16").out


def test_a_precision_that_does_not_exist_is_told():
    assert '[train] precision: found "fp8"' in refused("run", "tiny.toml", "--set", "train.precision=fp8")


def test_a_place_where_no_run_can_be_made_is_told():
    Path("taken").write_text("a file")
    told = refused("run", "tiny.toml", "--runs", "taken")
    assert "taken: cannot make a run folder" in told and "--runs" in told
    assert "taken/below: cannot make a run folder" in refused("run", "tiny.toml", "--runs", "taken/below")
    assert Path("taken").read_text() == "a file"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train={epochs=2, batch_size=16}", '[train] epochs: "8-gaussians" never ends; give steps instead'),
        ("train.warm_start=nowhere", "[train] warm_start: no trained model in {cwd}/nowhere."),
        ("train.warm_start=.", "[train] warm_start: no trained model in {cwd}."),
    ],
)
def test_what_is_found_late_leaves_no_run_either(tmp_path, override, expected):
    assert expected.format(cwd=tmp_path) in refused("run", "tiny.toml", "-q", "--set", override)


def test_a_wrong_recipe_is_told_before_processes_are_started(monkeypatch):
    monkeypatch.setattr("subprocess.Popen", lambda *arguments, **options: pytest.fail("started"))
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert "Did you mean width?" in refused("run", "tiny.toml", "--set", "model.widht=1", "--processes", "2")
    assert "does not divide by 3 processes" in refused("run", "tiny.toml", "--processes", "3")


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["run", "tiny.toml", "--sett", "a=1"], ["train"], ["run", "a", "b"], ["sample", "x", "-n", "0"]],
)
def test_a_call_that_does_not_parse_is_shown_the_usage(arguments):
    told = refused(*arguments)
    assert told.startswith("Usage: ") and " -h" in told
