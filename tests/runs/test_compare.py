"""`genkit compare`: differences between recipes, comparable values side by side, and refusals."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest
import tomli_w
from PIL import Image
from support.commands import IMAGES, TINY, genkit, refused, write_recipe
from support.messages import assert_names

from genkit.runs.comparison.compare import compare
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.cut_back import cut_back

pytestmark = [pytest.mark.trains, pytest.mark.usefixtures("isolated", "never_collapsed")]

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
def runs(tmp_path_factory):
    """Return a folder of runs: 1 and 2 with different learning rates, 3 with another protocol, 4 on images."""
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
            result = genkit("run", write_recipe(root, text), "-q", "--runs", root, *sets)
            assert result.code == 0, result.err
    return root


def run(runs, number) -> Path:
    return runs / f"000{number}-tiny-s0"


def compared(runs, *numbers):
    result = genkit("compare", *(run(runs, number) for number in numbers), "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def compare_refused(*arguments):
    message = refused("compare", *arguments)
    assert not Path("comparison.png").exists()
    return message


def test_only_keys_that_differ_are_shown(runs):
    assert compared(runs, 1, 2)["differences"] == {"optimiser.encoder.lr": {"0001-tiny-s0": 1e-3, "0002-tiny-s0": 2e-3}}
    keys = compared(runs, 1, 2, 3)["differences"].keys()
    assert list(keys)[-1] == "metrics.error.samples"  # keys without effect on the weights come last
    assert keys == {"optimiser.encoder.lr", "metrics.error.samples", "train.steps"}


def test_an_empty_table_is_not_a_difference(runs, tmp_path):
    copy = Path(shutil.copytree(run(runs, 1), tmp_path / "copy"))
    with (copy / "recipe.resolved.toml").open("a") as recipe:
        recipe.write("\n[empty.table]\n")
    assert compare([run(runs, 1), copy]).differences == {}


def test_a_key_that_is_left_out_is_a_default_only_where_the_part_has_it(runs, tmp_path):
    copy = Path(shutil.copytree(run(runs, 1), tmp_path / "copy"))
    resolved = copy / "recipe.resolved.toml"
    recipe = tomllib.loads(resolved.read_text())
    recipe["loss"] |= {"use": "other", "only_here": 1}
    recipe["optimiser"]["encoder"]["clip_norm"] = 0.5
    recipe["optimiser"]["encoder"]["lr"] = {"use": "cosine", "start": 0.01}  # a number in the other run
    recipe["metrics"]["another"] = {"use": "modes", "samples": 7}
    recipe["callbacks"] = {"stop": {"use": "early-stopping", "metric": "modes", "patience": 3}}
    resolved.write_text(tomli_w.dumps(recipe))
    differences = compare([run(runs, 1), copy]).differences
    assert differences["optimiser.encoder.clip_norm"] == ["default", 0.5]
    assert differences["optimiser.encoder.lr.use"] == [None, "cosine"]
    assert differences["optimiser.encoder.lr"][1] is None
    assert differences["loss.only_here"] == [None, 1]
    assert differences["metrics.another.use"] == [None, "modes"]
    assert differences["callbacks.stop.use"] == [None, "early-stopping"]
    assert not {"metrics.another.samples", "callbacks.stop.metric", "callbacks.stop.patience"} & differences.keys()


def test_of_a_callback_that_a_run_lacks_the_keys_in_which_the_others_differ_are_shown(runs, tmp_path):
    folders = [run(runs, 1)]
    for patience in (3, 4):
        folders.append(Path(shutil.copytree(run(runs, 1), tmp_path / f"patience-{patience}")))
        with (folders[-1] / "recipe.resolved.toml").open("a") as recipe:
            recipe.write(f'\n[callbacks.stop]\nuse = "early-stopping"\nmetric = "modes"\npatience = {patience}\n')
    stops = "early-stopping"
    expected = {"callbacks.stop.use": [None, stops, stops], "callbacks.stop.patience": [None, 3, 4]}
    assert compare(folders).differences == expected


def test_values_of_equal_protocols_share_a_row_and_are_those_of_the_runs(runs):
    rows = compared(runs, 1, 2)["metrics"]
    assert [row["label"] for row in rows] == ["modes", "error"]
    for number in (1, 2):
        results = json.loads((run(runs, number) / "results.json").read_text())
        assert [row["values"][f"000{number}-tiny-s0"] for row in rows] == [each["value"] for each in results]
    assert rows[1]["protocol"].startswith("64 samples, fresh draws of the data, raw weights")


def test_values_of_different_protocols_never_share_a_row(runs):
    found = compared(runs, 1, 3)
    of_error = [row for row in found["metrics"] if row["label"] == "error"]
    assert [list(row["values"]) for row in of_error] == [["0001-tiny-s0"], ["0003-tiny-s0"]]
    assert [list(row["values"]) for row in found["metrics"] if row["label"] == "modes"] == [
        ["0001-tiny-s0", "0003-tiny-s0"]
    ]
    (remark,) = found["remarks"]
    assert_names(remark, '"error"', "different protocols")
    kinds = compare([run(runs, 1), run(runs, 3)]).evaluations()
    assert sorted((protocol.label, len(by_run)) for protocol, by_run in kinds.items()) == [
        ("error", 1), ("error", 1), ("modes", 2)
    ]  # fmt: skip


def test_values_of_different_data_never_share_a_row(runs):
    found = compared(runs, 1, 4)
    assert all(len(row["values"]) == 1 for row in found["metrics"])
    assert_names(found["remarks"][0], "different data")


def test_the_same_pictures_in_another_folder_are_the_same_data(runs, tmp_path):
    copy = Path(shutil.copytree(run(runs, 4), tmp_path / "copy"))
    resolved = copy / "recipe.resolved.toml"
    resolved.write_text(resolved.read_text().replace('use = "digits"', 'use = "digits"\npath = "elsewhere"'))

    def same(split):
        found = compare([run(runs, 4), copy])
        return len({found.data_of(each, split) for each in found.runs}) == 1

    assert same("train") and same("test")
    state = next((copy / "checkpoints").iterdir()) / "state.json"
    facts = json.loads(state.read_text())

    def change_fingerprint(**changes):
        state.write_text(json.dumps(facts | {"data": facts["data"] | changes}))

    change_fingerprint(held_out=facts["data"]["held_out"] | {"pixel_digest": "of others"})
    assert same("train") and not same("test")
    change_fingerprint(pixel_digest="of others")  # matters only to metrics that read the train split
    assert not same("train") and same("test")
    shutil.rmtree(copy / "checkpoints")  # without a fingerprint, the tables [data] are compared
    assert not same("train") and not same("test")
    resolved.write_text((run(runs, 4) / resolved.name).read_text())
    assert same("train") and same("test")


def test_an_unfinished_run_is_compared_by_its_newest_evaluation(runs, tmp_path):
    unfinished = Path(shutil.copytree(run(runs, 2), tmp_path / "unfinished"))
    shutil.rmtree(unfinished / "final")
    folder = RunFolder(unfinished)
    cut_back(folder, 3, keep=9)
    folder.checkpoint(4).rename(folder.checkpoint(3))
    shutil.rmtree(folder.checkpoint(5))
    result = genkit("compare", run(runs, 1), unfinished)
    assert result.code == 0, result.err
    printed = " ".join(result.out.split())
    assert_names(printed, "finished, step 5", "stopped, step 3, 60% of the run, checkpoint at step 3", "(step 2)")
    remark = printed.partition("unfinished is not finished")[2]
    assert_names(remark, "step 2", f"`genkit resume {unfinished}`")
    for path in (unfinished / "evaluations.jsonl", unfinished / "metrics.jsonl"):
        path.unlink()
    result = genkit("compare", run(runs, 1), unfinished)
    assert result.code == 0
    assert_names(" ".join(result.out.split()), "stopped, step 3, 60%", "no values yet")


def test_the_comparison_is_printed_and_drawn(laid_out, runs):
    result = genkit("compare", run(runs, 1), run(runs, 2), "--out", "deep/er/both.png")
    assert result.code == 0, result.err
    assert_names(result.out, "optimiser.encoder.lr", "vae/total", "picture   deep/er/both.png")
    with Image.open("deep/er/both.png") as picture:
        assert picture.format == "PNG" and picture.width == 1440
    assert genkit("compare", run(runs, 1), run(runs, 2)).code == 0 and Path("comparison.png").exists()


def test_runs_of_the_same_recipe_and_folder_name_have_different_names(runs, tmp_path):
    copy = shutil.copytree(run(runs, 1), tmp_path / "0001-tiny-s0")
    result = genkit("compare", run(runs, 1), copy)
    assert result.code == 0 and "The recipes are the same." in result.out
    assert [each.name for each in compare([run(runs, 1), Path(copy)]).runs] == [str(run(runs, 1)), str(copy)]


def test_a_path_that_is_not_a_run_folder_is_refused(runs, tmp_path):
    (tmp_path / "folder").mkdir()
    assert_names(compare_refused(run(runs, 1), "folder"), "folder: not a run folder", "recipe.resolved.toml")
    assert_names(compare_refused("nowhere", run(runs, 1)), "nowhere: not found")
    final = run(runs, 2) / "final"
    assert_names(compare_refused(run(runs, 1), final), f"{final}: a model", f"genkit eval {final}")


def test_a_single_run_and_the_same_run_twice_are_refused(runs):
    assert_names(compare_refused(run(runs, 1)), "at least two runs")
    same = run(runs, 1) / "../0001-tiny-s0"
    assert_names(compare_refused(run(runs, 1), run(runs, 1)), f"{run(runs, 1)}: given twice")
    assert_names(compare_refused(run(runs, 1), same), f"{run(runs, 1)}: given twice")


def test_a_picture_that_cannot_be_written_is_refused(runs, tmp_path):
    (tmp_path / "file").write_text("")
    assert_names(compare_refused(run(runs, 1), run(runs, 2), "--out", "file/x.png"), "file/x.png", "cannot be written")
    assert_names(compare_refused(run(runs, 1), run(runs, 2), "--out", "x.jpg"), "x.jpg", ".png")


def test_the_damaged_file_of_a_run_is_named(runs, tmp_path):
    damaged = Path(shutil.copytree(run(runs, 2), tmp_path / "damaged"))
    (damaged / "results.json").write_text("not JSON")
    assert_names(compare_refused(run(runs, 1), damaged), damaged / "results.json")
