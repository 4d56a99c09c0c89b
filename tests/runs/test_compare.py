"""Runs beside each other: what differs is shown, what is unlike is kept apart, and each mistake is told."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from support.commands import IMAGES, TINY, genkit, write_recipe

from genkit.runs.compare import compare
from genkit.runs.run_folder import RunFolder

TEXT = (
    TINY
    + """
[metrics.error]
use = "reconstruction-error"
samples = 64

[report]
log_every = 1

[evaluate]
every = 2
"""
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with runs 1 and 2, which differ in a learning rate, 3 with another protocol, 4 of images."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        for text, *overrides in (
            [TEXT],
            [TEXT, "optimiser.encoder.lr=2e-3"],
            [TEXT, "metrics.error.samples=65", "train.steps=4"],
            [IMAGES + "\n[metrics.error]\nuse = 'reconstruction-error'\nsamples = 64\n"],
        ):
            sets = [part for override in overrides for part in ("--set", override)]
            said = genkit("run", write_recipe(root, text), "-q", "--runs", root, *sets)
            assert said.code == 0, said.err
    return root


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENKIT_PLUGINS", "none")


def run(made, number) -> Path:
    return made / f"000{number}-tiny-s0"


def compared(made, *numbers):
    said = genkit("compare", *(run(made, number) for number in numbers), "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)


def refused(*arguments):
    said = genkit("compare", *arguments)
    assert (said.code, said.out) == (2, ""), said
    assert not Path("comparison.png").exists()
    return said.err


def test_only_the_keys_that_differ_are_shown_side_by_side(made):
    assert compared(made, 1, 2)["differences"] == {"optimiser.encoder.lr": {"0001-tiny-s0": 1e-3, "0002-tiny-s0": 2e-3}}
    keys = compared(made, 1, 2, 3)["differences"].keys()
    assert list(keys)[-1] == "metrics.error.samples"  # what decides no weight comes last
    assert keys == {"optimiser.encoder.lr", "metrics.error.samples", "train.steps"}


def test_numbers_that_were_made_alike_share_a_row_and_are_those_of_the_runs(made):
    rows = compared(made, 1, 2)["metrics"]
    assert [row["label"] for row in rows] == ["modes", "error"]
    for number in (1, 2):
        results = json.loads((run(made, number) / "results.json").read_text())
        assert [row["values"][f"000{number}-tiny-s0"] for row in rows] == [each["value"] for each in results]
    assert rows[1]["protocol"].startswith("64 samples, drawn split, raw weights")


def test_numbers_of_unlike_protocols_never_share_a_row(made):
    found = compared(made, 1, 3)
    of_error = [row for row in found["metrics"] if row["label"] == "error"]
    assert [list(row["values"]) for row in of_error] == [["0001-tiny-s0"], ["0003-tiny-s0"]]
    assert [list(row["values"]) for row in found["metrics"] if row["label"] == "modes"] == [
        ["0001-tiny-s0", "0003-tiny-s0"]
    ]
    assert found["remarks"] == ['"error" was made by unlike protocols: its rows cannot be compared with each other.']
    kinds = compare([run(made, 1), run(made, 3)]).evaluations()
    assert sorted((made.label, len(by_run)) for made, by_run in kinds.items()) == [
        ("error", 1), ("error", 1), ("modes", 2)
    ]  # fmt: skip


def test_numbers_of_different_data_never_share_a_row(made):
    found = compared(made, 1, 4)
    assert all(len(row["values"]) == 1 for row in found["metrics"])
    assert found["remarks"][0].startswith("The runs have different data")


def test_the_same_pictures_at_another_place_are_the_same_data(made, tmp_path):
    there = Path(shutil.copytree(run(made, 4), tmp_path / "there"))
    resolved = there / "recipe.resolved.toml"
    resolved.write_text(resolved.read_text().replace('use = "digits"', 'use = "digits"\npath = "elsewhere"'))

    def same(split):
        found = compare([run(made, 4), there])
        return len({found.data(each, split) for each in found.runs}) == 1

    assert same("train") and same("test")
    state = next((there / "checkpoints").iterdir()) / "state.json"
    facts = json.loads(state.read_text())

    def look_like(**others):
        state.write_text(json.dumps(facts | {"data": facts["data"] | others}))

    look_like(held_out=facts["data"]["held_out"] | {"pixel_digest": "of others"})
    assert same("train") and not same("test")
    look_like(pixel_digest="of others")  # what only a metric that reads the train split hangs on
    assert not same("train") and same("test")
    shutil.rmtree(there / "checkpoints")  # then only the table [data] can tell
    assert not same("train") and not same("test")
    resolved.write_text((run(made, 4) / resolved.name).read_text())
    assert same("train") and same("test")


def test_an_unfinished_run_is_compared_by_what_is_there(made, tmp_path):
    unfinished = Path(shutil.copytree(run(made, 2), tmp_path / "unfinished"))
    shutil.rmtree(unfinished / "final")
    RunFolder(unfinished).cut_back(3)
    said = genkit("compare", run(made, 1), unfinished)
    assert said.code == 0, said.err
    told = " ".join(said.out.split())
    assert "finished, step 5" in told and "unfinished, step 3, 40% of the run, saved at" in told
    assert "(step 2)" in said.out
    assert f"its numbers are of step 2. `genkit resume {unfinished}` goes on." in told
    for path in (unfinished / "evaluations.jsonl", unfinished / "metrics.jsonl"):
        path.unlink()
    said = genkit("compare", run(made, 1), unfinished)
    assert said.code == 0 and "no step logged" in said.out and "it has no numbers yet" in said.out


def test_the_tables_and_the_picture_are_made(made):
    said = genkit("compare", run(made, 1), run(made, 2), "--out", "deep/er/both.png")
    assert said.code == 0, said.err
    assert "optimiser.encoder.lr" in said.out and "vae/total" in said.out and "picture   deep/er/both.png" in said.out
    with Image.open("deep/er/both.png") as picture:
        assert picture.format == "PNG" and picture.width == 1440
    assert genkit("compare", run(made, 1), run(made, 2)).code == 0 and Path("comparison.png").exists()


def test_runs_of_one_recipe_are_told_to_be_so_and_their_names_stay_apart(made, tmp_path):
    copy = shutil.copytree(run(made, 1), tmp_path / "0001-tiny-s0")
    said = genkit("compare", run(made, 1), copy)
    assert said.code == 0 and "The recipes are the same." in said.out
    assert [each.name for each in compare([run(made, 1), Path(copy)]).runs] == [str(run(made, 1)), str(copy)]


def test_what_is_no_run_is_told(made, tmp_path):
    (tmp_path / "folder").mkdir()
    assert "folder: is no run folder" in refused(run(made, 1), "folder")
    assert "nowhere: is not there" in refused("nowhere", run(made, 1))
    assert "is no run folder" in refused(run(made, 1), run(made, 2) / "final")


def test_one_run_alone_and_the_same_run_twice_are_refused(made):
    assert "a comparison needs two runs at least" in refused(run(made, 1))
    assert "is given twice" in refused(run(made, 1), run(made, 1))
    assert "is given twice" in refused(run(made, 1), run(made, 1) / "../0001-tiny-s0")


def test_a_picture_that_cannot_be_is_told(made, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused(run(made, 1), run(made, 2), "--out", "file/x.png")
    assert "ends in .png" in refused(run(made, 1), run(made, 2), "--out", "x.jpg")


def test_a_damaged_run_is_named(made, tmp_path):
    damaged = Path(shutil.copytree(run(made, 2), tmp_path / "damaged"))
    (damaged / "results.json").write_text("oh")
    assert "results.json: cannot be read" in refused(run(made, 1), damaged)
