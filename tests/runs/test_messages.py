"""Messages of genkit.runs, compared with the files in tests/golden/runs."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from support.commands import IMAGES, TINY, write_recipe
from support.messages import assert_names

from genkit import load, train
from genkit.console.output import Console
from genkit.core.metric import EvaluationProtocol
from genkit.core.result import Result
from genkit.errors import UsageError
from genkit.parts.models.introvae_conv import IntroVAEConv
from genkit.recipe.plan import make_plan
from genkit.runs.comparison.compare import compare
from genkit.runs.comparison.comparison_report import print_comparison
from genkit.runs.convert.convert_checkpoint import convert
from genkit.runs.convert.match_tensors import fill_model
from genkit.runs.convert.published_checkpoint import PublishedCheckpoint, read_checkpoint
from genkit.runs.on_disk.results import read_results
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.trained_recipe import check_recipe_of_checkpoint, recipe_of_weights
from genkit.runs.trained_models.evaluate_run import evaluate_run, evaluation_plan
from genkit.runs.trained_models.trained import open_held_out
from genkit.storage.os_errors import unreadable

pytestmark = pytest.mark.usefixtures("isolated")


def message_of(call: Callable[[], object]) -> str:
    with pytest.raises(UsageError) as error:
        call()
    return str(error.value)


def report(messages: Mapping[str, str]) -> str:
    return "\n\n".join(f"# {case}\n{message.strip()}" for case, message in messages.items()) + "\n"


def empty_run(path: Path) -> RunFolder:
    """Return a run folder without any step."""
    path.mkdir(parents=True)
    (path / "recipe.resolved.toml").write_text("seed = 0\n")
    return RunFolder(path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the folder of a finished run on points."""
    root = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        return train(write_recipe(root), root).path


@pytest.fixture
def run(finished, tmp_path):
    """Return a link to the finished run: its path is the same in all messages."""
    link = tmp_path / "runs" / "0001-tiny-s0"
    link.parent.mkdir()
    link.symlink_to(finished)
    return link


@pytest.fixture
def copy_of_final(run, tmp_path):
    """Return a function that copies the model folder of the finished run, except some files."""

    def copy(name: str, *left_out: str) -> Path:
        (tmp_path / name).mkdir()
        for path in (run / "final").iterdir():
            if path.name not in left_out:
                (tmp_path / name / path.name).write_bytes(path.read_bytes())
        return tmp_path / name

    return copy


def test_messages_about_run_folders(golden, tmp_path):
    runs = tmp_path / "runs"
    for number in (1, 2, 3):
        empty_run(runs / f"000{number}-vae-digits-s0")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    plan = make_plan(write_recipe(tmp_path))

    def lock_twice() -> None:
        with RunFolder(runs / "0001-vae-digits-s0").locked(), RunFolder(runs / "0001-vae-digits-s0").locked():
            pass

    paths = {
        "A path that does not exist": tmp_path / "none",
        "A run whose name is similar": runs / "0001-vae-digts-s0",
        "A run given by its number": runs / "0002",
        "A run whose name is not similar to any other": runs / "x",
        "A folder that is not a run folder": tmp_path / "folder",
        "A file": tmp_path / "file",
        "A recipe": tmp_path / "tiny.toml",
    }
    messages = {case: message_of(lambda path=path: RunFolder.open(path)) for case, path in paths.items()}
    messages["A run in use"] = message_of(lock_twice)
    messages["A file in place of the folder of runs"] = message_of(
        lambda: RunFolder.create(tmp_path / "file", plan.document, dict(plan.resolved))
    )
    golden("runs/run_folders", report(messages))


def test_messages_about_other_recipes(golden, tmp_path):
    recipe = write_recipe(tmp_path)
    facts = {"step": 2, "recipe": recipe_of_weights(make_plan(recipe))}
    run = RunFolder(tmp_path / "run")

    def refusal(step: int, *overrides: str) -> str:
        plan = make_plan(recipe, overrides=overrides)
        return message_of(lambda: check_recipe_of_checkpoint(plan, run, {**facts, "step": step}))

    messages = {
        "Other keys": refusal(2, "seed=7", "optimiser.encoder.lr=0.5"),
        "More steps before the end": refusal(2, "train.steps=60"),
        "More steps after the end": refusal(5, "train.steps=60"),
        "Fewer steps than were trained": refusal(5, "train.steps=3"),
    }
    golden("runs/other_recipes", report(messages))


@pytest.mark.trains
def test_messages_about_trained_models(golden, tmp_path, run, copy_of_final):
    (tmp_path / "folder").mkdir()
    unreadable = copy_of_final("unreadable-recipe")
    (unreadable / "recipe.toml").write_text("[model")
    unfinished = empty_run(tmp_path / "unfinished").path
    messages = {
        "No model at all": message_of(lambda: load(tmp_path / "none")),
        "A folder that is not a model folder": message_of(lambda: load(tmp_path / "folder")),
        "An unfinished run": message_of(lambda: load(unfinished)),
        "A model folder without its recipe": message_of(lambda: load(copy_of_final("no-recipe", "recipe.toml"))),
        "A model folder with an unreadable recipe": message_of(lambda: load(unreadable)),
        "Data of another shape": message_of(lambda: open_held_out(run, ["data.use=digits"])),
    }
    golden("runs/trained", report(messages))


@pytest.mark.trains
def test_messages_about_evaluations(golden, run):
    other_shape = evaluation_plan(run, ["data.use=digits", "metrics="])
    plan = evaluation_plan(run)
    messages = {
        "A metric whose name is similar": message_of(lambda: evaluation_plan(run, names=["mods"])),
        "Data of another shape": message_of(lambda: evaluate_run(run, other_shape, 0)),
        "A mode of a model without batch norm": message_of(lambda: evaluate_run(run, plan, 0, ["batch"])),
    }
    golden("runs/evaluations", report(messages))


def test_messages_about_results(golden, tmp_path):
    (tmp_path / "results.json").write_text('[{"label": "fid"}]')
    messages = {
        "Results that cannot be read": message_of(lambda: read_results(tmp_path / "results.json")),
        "Results that do not exist": message_of(lambda: read_results(tmp_path / "none.json")),
        "A file without permission": str(unreadable(tmp_path / "x", PermissionError(13, "Permission denied"))),
    }
    golden("runs/results", report(messages))


def write_run(path: Path, recipe: str, lines: list[dict], results: list[Result], *, finished: bool) -> Path:
    """Write the files of a run that a comparison reads; `results` are of step 4."""
    folder = empty_run(path)
    folder.resolved.write_text(recipe)
    for line in lines:
        folder.append(line)
    records = [result.as_dict() for result in results]
    folder.evaluations.append({"step": 4, "results": records})
    if finished:
        folder.final.mkdir()
        (folder.final / "about.json").write_text('{"step": 4}')
        folder.results.write_text(json.dumps(records))
    return path


def comparison_of(tmp_path: Path) -> list[Path]:
    """Return a finished run, an unfinished one with another protocol, and a finished one on other data."""
    protocol, other = EvaluationProtocol(100, "test", "raw"), EvaluationProtocol(200, "test", "ema")
    modes, fid = Result("modes", 8.0, "higher", protocol), Result("fid", None, "lower", protocol, "too few samples")
    kl = Result("kl", 0.5, None, protocol)
    line = {"step": 4, "t": 0.75, "encoder/total": 1.25, "encoder/rec": 1.0, "decoder/total": -0.5}
    digits = IMAGES.replace("lr = 1e-3", "lr = 2e-3", 1)
    return [
        write_run(tmp_path / "0001-points", TINY, [line], [modes, fid, kl], finished=True),
        write_run(
            tmp_path / "0002-points",
            TINY.replace("1e-3", "3e-3"),
            [{"step": 2, "t": 0.25, "encoder/total": 2.0}],
            [Result("modes", 7.0, "higher", other), kl],
            finished=False,
        ),
        write_run(tmp_path / "0003-digits", digits, [line | {"vae/total": 3.0}], [fid], finished=True),
    ]


def test_messages_about_comparisons(golden, tmp_path, capsys):
    paths = comparison_of(tmp_path)
    print_comparison(compare(paths), Console())
    printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    empty = [empty_run(tmp_path / name).path for name in ("0004-empty", "0005-empty")]
    print_comparison(compare(empty), Console())
    printed_empty = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    messages = {
        "Three runs": printed,
        "Two runs without a logged step": printed_empty,
        "One run": message_of(lambda: compare(paths[:1])),
        "The same run twice": message_of(lambda: compare([paths[0], tmp_path / "." / paths[0].name])),
    }
    golden("runs/comparisons", report(messages))


def test_one_remark_names_all_metrics_of_different_protocols(tmp_path):
    paths = []
    for name, weights in (("first", "raw"), ("second", "ema")):
        results = [Result(label, 1.0, "lower", EvaluationProtocol(9, "test", weights)) for label in ("kl", "modes")]
        paths.append(write_run(tmp_path / name, TINY, [{"step": 4}], results, finished=True))
    (remark,) = compare(paths).remarks
    assert_names(remark, '"kl", "modes"', "different protocols", "raw weights; ema weights")


def network(**changes) -> IntroVAEConv:
    keys = {"latent_dim": 3, "channels": [4, 6], "norm": "batch", "data_shape": (1, 28, 28), **changes}
    return IntroVAEConv(**keys)


def test_messages_about_published_networks(golden, tmp_path):
    tensors = network().state_dict()
    missing, infinite = dict(tensors), dict(tensors)
    del missing["encoder.fc.bias"]
    infinite["encoder.fc.bias"] = torch.full((6,), torch.inf)

    def refusal(content: Mapping[str, torch.Tensor], **changes) -> str:
        checkpoint = PublishedCheckpoint(Path("published.pth"), content, None, ())
        return message_of(lambda: fill_model(network(**changes), checkpoint, "recipe.toml"))

    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("")
    plan = make_plan(write_recipe(tmp_path))
    messages = {
        "Another shape": refusal(tensors, channels=[4, 8]),
        "A tensor that the network does not have": refusal({**tensors, "encoder.extra": torch.zeros(2)}),
        "A tensor that the checkpoint does not have": refusal(missing),
        "Two networks": refusal(tensors | {f"module.{name}": value for name, value in tensors.items()}),
        "Values that are not finite": refusal(infinite),
        "A recipe of another model": message_of(lambda: convert(Path("none.pth"), plan, tmp_path / "out")),
        "An existing folder": message_of(lambda: convert(Path("none.pth"), plan, tmp_path / "taken")),
    }
    golden("runs/published_networks", report(messages))


def test_messages_about_published_checkpoints(golden):
    torch.save({"model": {"x": torch.zeros(9)}}, "whole.pth")
    contents = {
        "page.pth": b"<html>",
        "empty.pth": b"",
        "object.pth": pickle.dumps(slice(3), protocol=2),
        "cut.pth": Path("whole.pth").read_bytes()[:-50],
        "pickle.pth": b"\x80\x02",
    }
    for name, content in contents.items():
        Path(name).write_bytes(content)
    entries = {"list.pth": [1, 2], "no-tensor.pth": {"epoch": 3}, "nothing.pth": {"model": {}}}
    for name, content in entries.items():
        torch.save(content, name)
    names = ["none.pth", *contents, *entries]
    golden(
        "runs/checkpoints", report({name: message_of(lambda name=name: read_checkpoint(Path(name))) for name in names})
    )
