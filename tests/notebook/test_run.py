"""A run as an object, and the calls that the commands have too."""

import builtins
import json

import numpy as np
import pytest
import torch
from PIL import Image
from support.commands import genkit as command
from support.commands import write_recipe

import genkit
from genkit.errors import UsageError
from genkit.notebook.log import Log
from genkit.parts.datasets.digits import FILE

pytestmark = pytest.mark.trains


def test_the_results_are_those_of_the_file(run):
    (stored,) = json.loads((run.path / "results.json").read_text())
    assert list(run.results) == ["psnr"] and run.results["psnr"].as_dict() == stored
    assert f"{stored['value']:.5g}" in repr(run.results) and "psnr" in run.results._repr_html_()
    with pytest.raises(KeyError, match="psnr"):
        run.results["pnsr"]


def test_the_log_is_that_of_the_file_and_a_frame(run):
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert list(run.log) == lines and run.log[-1] == lines[-1] and list(run.log[:2]) == lines[:2]
    frame = run.log.to_frame()
    assert frame.index.tolist() == [line["step"] for line in lines]
    assert frame["vae/total"].tolist() == [line["vae/total"] for line in lines]
    for place in (len(lines), -len(lines) - 1, 10**6):
        with pytest.raises(IndexError, match=f"^{place}: .* {len(lines)} rows"):
            run.log[place]
    with pytest.raises(KeyError, match="Did you mean vae/total"):
        run.log[-1]["vae/totl"]
    with pytest.raises(UsageError, match="vae/total"):
        run.log["vae/total"]
    assert "vae/total" in repr(run.log) and run.log._repr_html_().count("<tr>") == 6


def test_a_wide_log_shows_the_step_and_the_totals_in_80_columns():
    names = [f"{phase}/{name}" for phase in ("encoder", "decoder") for name in ("kl", "reconstruction", "total")]
    rows = [{"step": step, **{name: 0.123456 * step for name in names}, "lr/encoder": 1e-3} for step in (1, 20)]
    for log, columns in ((Log(rows), 8), (Log([{"step": 1, "vae/total": 2.0}]), 2)):
        assert len(log.columns) == columns
        title, head, *_ = repr(log).splitlines()
        shown = head.split()
        assert max(map(len, repr(log).splitlines())) <= 80
        assert shown == [name for name in log.columns if name in shown] and shown[0] == "step"
        assert {name for name in log.columns if name.endswith("/total")} <= set(shown)
        left_out = columns - len(shown)
        assert (f"{left_out} more column" in title) == (left_out > 0) == (columns == 8)
        assert log._repr_html_().count("<th>") == columns


def test_a_frame_without_pandas_says_what_to_install(run, monkeypatch):
    imported = builtins.__import__

    def refuse(name, *arguments):
        if name == "pandas":
            raise ImportError(name)
        return imported(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UsageError, match="pip install pandas"):
        run.log.to_frame()


def test_the_newest_picture_of_a_kind_is_shown(run):
    assert {"samples", "reconstructions", "stability", "traversal", "curves"} == set(run.pictures)
    with Image.open(run.path / "figures" / "samples.png") as figure:
        assert np.array_equal(np.asarray(run.show("samples")), np.asarray(figure))
    with pytest.raises(UsageError, match="reconstructions, samples, stability, traversal, curves"):
        run.show("sample")


def test_samples_are_those_of_the_data_in_the_dtype_of_the_model(run, points):
    held_out = run.data.held_out()
    with np.load(FILE) as arrays:
        expected = torch.from_numpy(arrays["test_images"][:, None] / 255.0).float()
        labels = arrays["test_labels"]
    assert torch.equal(held_out[0:16], expected[:16]) and torch.equal(held_out[-1], expected[-1])
    assert torch.equal(held_out[[5, 2]], expected[[5, 2]]) and held_out.labels.tolist() == labels.tolist()
    assert len(held_out) == len(expected) and held_out[5:5].shape == (0, 1, 28, 28)
    with pytest.raises(IndexError):
        held_out[len(expected)]
    drawn = points.data[0:4]
    assert drawn.dtype == torch.float64 and drawn.shape == (4, 2) and torch.equal(drawn, points.data[0:4])
    for without_end in (slice(0, None), slice(-4, -1)):
        with pytest.raises(UsageError):
            points.data[without_end]
    with pytest.raises(UsageError):
        len(points.data)


def test_an_index_is_that_of_an_array(run):
    held_out = run.data.held_out()
    every, numbers = held_out[:], held_out.labels == 2
    assert 0 < numbers.sum() < len(held_out)
    for mask in (numbers, numbers.numpy(), numbers.tolist()):
        assert torch.equal(held_out[mask], every[numbers])
    for third in (3, np.int64(3), np.array(3), torch.tensor(3), 3 - len(held_out)):
        assert torch.equal(held_out[third], every[3])
    for several in ([3, 0, -1], (3, 0, -1), np.array([3, 0, -1]), torch.tensor([3, 0, -1], dtype=torch.int32)):
        assert torch.equal(held_out[several], every[[3, 0, -1]])
    assert held_out[[]].shape == held_out[numbers & ~numbers].shape == (0, 1, 28, 28)
    assert torch.equal(held_out[range(2, 5)], every[2:5])
    pairs = (slice(0, 4), 0), [slice(0, 4)]
    for wrong in (
        True,
        np.True_,
        torch.tensor(True),
        1.0,
        [1.5],
        np.zeros((2, 2), int),
        "3",
        ["a"],
        None,
        [None],
        ...,
        *pairs,
    ):
        with pytest.raises(UsageError, match=r"data\[0:16\].*data\[\[0, 5\]\].*mask") as refused:
            held_out[wrong]
        assert str(refused.value).startswith(f"{run.path}: ")
    with pytest.raises(IndexError):
        held_out[numbers[1:]]


def test_draws_of_a_density_depend_on_the_indices_and_the_split(points):
    train, held_out = points.data, points.data.held_out()
    assert torch.equal(train[0:4], train[[0, 1, 2, 3]])
    others = [held_out[0:4], train[4:8], train[[0, 1, 2, 5]], train[0:5][:4]]
    for index, one in enumerate([train[0:4], *others]):
        assert not any(torch.equal(one, other) for other in others[index:])
    with pytest.raises(UsageError):
        train[torch.tensor([True, False])]


def test_an_evaluation_is_that_of_the_command(run):
    keys = ["metrics.psnr.samples=30"]
    found = genkit.evaluate(run, ["psnr", "reconstruction-error"], set=keys)
    printed = command("eval", run.path, "--metrics", "psnr,reconstruction-error", "--set", keys[0], "--json")
    assert [result.as_dict() for result in found.values()] == json.loads(printed.out)["results"]
    assert list(genkit.evaluate(run.path, "psnr")) == ["psnr"]
    with pytest.raises(UsageError, match="psnr"):
        genkit.evaluate(run, ["pnsr"])
    with pytest.raises(UsageError, match=r"^set train\.steps=3: .* metrics, data and seed"):
        genkit.evaluate(run, ["psnr"], set="train.steps=3")


def test_a_comparison_is_that_of_the_command(run, points, tmp_path):
    compared = genkit.compare(run, points.path)
    printed = command("compare", run.path, points.path, "--out", tmp_path / "x.png", "--json")
    assert compared.as_dict() == {key: value for key, value in json.loads(printed.out).items() if key != "picture"}
    assert run.path.name in repr(compared) and "<table>" in compared._repr_html_()
    with Image.open(tmp_path / "x.png") as picture:
        assert np.array_equal(np.asarray(compared.show()), np.asarray(picture))
    for runs in ([], [run], [run, run.path]):
        with pytest.raises(UsageError):
            genkit.compare(*runs)


def test_a_run_of_python_is_that_of_the_command(tmp_path, monkeypatch, capsys, never_collapsed):
    monkeypatch.chdir(tmp_path)
    recipe = write_recipe(tmp_path)
    assert command("run", recipe, "-q", "--threads", 1).code == 0
    run = genkit.train(recipe.name, progress=True)
    shown = capsys.readouterr()
    assert not shown.out and "step 5/5" in shown.err
    (first,) = run.path.parent.glob("0001-*")
    for name in ("metrics.jsonl", "recipe.toml", "results.json", "final/model.safetensors"):
        assert (first / name).read_bytes() == (run.path / name).read_bytes(), name
    genkit.train(recipe, progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_finished_run_is_not_trained_again(run):
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    again = genkit.resume(run, progress=False)
    assert again.path == run.path and again.finished and "finished" in repr(again) and again.recipe["train.steps"] == 6
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before


@pytest.mark.parametrize(
    "call", [genkit.open_run, genkit.resume, genkit.load, genkit.evaluate], ids=lambda f: f.__name__
)
def test_a_folder_that_is_no_run_is_refused(call, tmp_path):
    with pytest.raises(UsageError) as refused:
        call(tmp_path)
    assert str(tmp_path) in str(refused.value)


def test_data_that_are_missing_leave_no_folder(run, tmp_path):
    data = genkit.Use("image-folder", path=str(tmp_path / "nowhere"), resolution=28, channels=1)
    with pytest.raises(UsageError, match="nowhere"):
        genkit.train(run.recipe.set(data=data), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
