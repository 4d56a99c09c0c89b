"""``genkit table`` as it is called: runs in processes of their own, a few steps each."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from support.commands import TINY, genkit

from genkit.runs.run_folder import RunFolder

TABLE = """\
title = "tiny"
metrics = ["kl"]
seeds = [0]
[columns.vae]
recipe = "tiny.toml"
set.metrics.kl = { use = "posterior-kl", samples = 64 }
[rows.a]
set.loss.beta_kl = 0.5
[rows.b]
set.loss.beta_kl = 0.25
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a table of two tiny runs."""
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "t.toml").write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The same, with both runs trained at once."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.toml").write_text(TINY)
    (folder / "t.toml").write_text(TABLE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        said = genkit("table", "t.toml", "--jobs", "2")
    assert said.code == 0, said.err
    return folder, said.out


@pytest.fixture
def copy(trained, tmp_path, monkeypatch):
    """A copy of the trained table, to spoil."""
    shutil.copytree(trained[0], tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def cells(folder):
    return json.loads((folder / "t.json").read_text())["cells"]


def test_missing_runs_are_trained_and_kept(trained):
    folder, out = trained
    assert "2 of 2" in out and "kl" in out
    kept = cells(folder)
    assert list(kept) == ["a/vae/0", "b/vae/0"]
    for record in kept.values():
        results = json.loads((folder / "runs" / record["run"] / "results.json").read_text())
        assert [each["value"] for each in record["results"].values()] == [each["value"] for each in results]
        assert record["results"]["kl"]["value"] > 0
        assert record["made_with"]["threads"] == 1 and record["made_with"]["step"] == 5


def test_what_is_kept_is_not_trained_again_even_without_its_run(copy):
    shutil.rmtree(copy / "runs")
    before = (copy / "t.json").read_bytes()
    said = genkit("table", "t.toml")
    assert said.code == 0 and "not run" not in said.out
    assert not (copy / "runs").exists() and (copy / "t.json").read_bytes() == before


def test_show_trains_nothing(folder):
    said = genkit("table", "t.toml", "--show")
    assert said.code == 0 and said.out.count("not run") == 2
    assert "drawn split" in said.out.split("how each number is made")[1]
    assert sorted(path.name for path in folder.iterdir()) == ["t.toml", "tiny.toml"]


COUPLED = TABLE.replace(
    'recipe = "tiny.toml"',
    """recipe = "tiny.toml"
set.loss.use = "as-introvae"
set.loss.divergence = { use = "as-distance", form = "marginal" }
set.train.accumulate = 2""",
)


def test_a_mistake_that_only_a_step_shows_is_told_before_anything_is_trained(folder):
    (folder / "t.toml").write_text(COUPLED)
    said = genkit("table", "t.toml")
    assert said.code == 2 and "couples the samples of a batch" in said.err
    assert "t.toml:8 [columns.vae.set.train] accumulate" in said.err and said.err.rstrip().endswith("In a/vae, b/vae.")
    assert not (folder / "runs").exists()


def test_no_step_is_tried_of_what_is_only_shown_or_kept(copy, monkeypatch):
    monkeypatch.setattr("genkit.recipe.dry_run.costs_of", None)
    assert genkit("table", "t.toml", "--show").code == 0
    assert genkit("table", "t.toml").code == 0


def test_a_finished_run_is_read_and_a_new_metric_is_computed_from_it(copy):
    (copy / "t.json").unlink()
    (copy / "t.toml").write_text(
        TABLE.replace('["kl"]', '["kl", "high-quality"]').replace(
            'recipe = "tiny.toml"', 'recipe = "tiny.toml"\nset.metrics.high-quality.samples = 100'
        )
    )
    said = genkit("table", "t.toml")
    assert said.code == 0 and "trained" not in said.out
    assert {label for record in cells(copy).values() for label in record["results"]} == {"modes", "kl", "high-quality"}


def test_a_cell_whose_recipe_has_changed_is_named_with_what_changed(copy):
    (copy / "t.toml").write_text(TABLE.replace("0.25", "0.75"))
    said = genkit("table", "t.toml", "--show")
    assert said.code == 0 and "† b/vae/0 was made with another recipe: loss.beta_kl 0.25 -> 0.75" in said.out
    assert "a/vae/0 was" not in said.out


def test_a_run_made_again_has_the_same_numbers_but_for_one_that_was_changed(copy):
    content = json.loads((copy / "t.json").read_text())
    content["cells"]["a/vae/0"]["results"]["kl"]["value"] += 1e-9
    changed = json.dumps(content)
    (copy / "t.json").write_text(changed)
    said = genkit("table", "t.toml", "--only", "a", "--again")
    assert said.code == 1 and "1 of 2 numbers differ" in said.err
    assert said.out.count("differs") == said.out.count("the same") == 1 and "b/vae/0" not in said.out
    assert (copy / "t.json").read_text() == changed


def test_nothing_is_made_again_of_which_nothing_is_kept(copy):
    (copy / "t.toml").write_text(TABLE.replace("0.25", "0.75"))
    said = genkit("table", "t.toml", "--only", "*", "--again")
    assert said.code == 2 and "b/vae/0 is not kept, or was made with another recipe" in said.err
    assert not (copy / "runs" / "again").exists()


def test_a_run_that_cannot_end_is_kept_as_failed(folder):
    (folder / "t.toml").write_text(TABLE.replace("0.25", "0.25\nset.optimiser.encoder.lr = 1e30"))
    said = genkit("table", "t.toml", "--only", "b")
    assert "ended with exit code 3" in said.out and "b/vae/0 failed: " in said.out and "clip_norm" in said.out
    assert "runs/" not in cells(folder)["b/vae/0"]["failure"]
    assert genkit("table", "t.toml", "--only", "b").code == 0  # it is not trained in vain again


def test_a_killed_run_is_named_and_goes_on_to_the_same_numbers(folder, trained):
    (folder / "tiny.toml").write_text(TINY.replace("steps = 5", "steps = 400") + "[checkpoint]\nevery = 20\n")
    command = [sys.executable, "-m", "genkit", "table", "t.toml", "--only", "a"]
    table = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not list(folder.glob("runs/*/checkpoints/step-*")):
        time.sleep(0.05)
        assert table.poll() is None
    (child,) = (int(pid) for pid in subprocess.check_output(["pgrep", "-P", str(table.pid)], text=True).split())
    os.kill(child, signal.SIGKILL)
    _, err = table.communicate(timeout=60)
    assert table.returncode == 1 and "a/vae/0" in err and "killed by signal 9" in err and "same command goes on" in err

    assert genkit("table", "t.toml", "--only", "a").code == 0
    said = genkit("table", "t.toml", "--only", "a", "--again")
    assert said.code == 0 and "the same" in said.out


def test_an_interrupt_saves_and_says_how_to_go_on(folder):
    (folder / "tiny.toml").write_text(TINY.replace("steps = 5", "steps = 100_000") + "[checkpoint]\nevery = 20\n")
    table = subprocess.Popen([sys.executable, "-m", "genkit", "table", "t.toml"], stderr=subprocess.PIPE, text=True)
    while not list(folder.glob("runs/*/checkpoints/step-*")):
        time.sleep(0.05)
        assert table.poll() is None
    table.send_signal(signal.SIGINT)
    _, err = table.communicate(timeout=60)
    assert table.returncode == 130 and "what the runs have saved is kept. The same command goes on." in err
    assert "Traceback" not in err


def test_the_figure_has_a_panel_for_each_cell(copy):
    pytest.importorskip("matplotlib")
    said = genkit("table", "t.toml", "--figure", "f.png")
    assert said.code == 0 and (copy / "f.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["absent.toml"], "absent.toml"),
        (["t.toml", "--again"], "--only ROW/COLUMN/SEED"),
        (["t.toml", "--format", "word"], "expected one of markdown, latex, csv"),
        (["t.toml", "--only", "z"], "names no run"),
        (["t.toml", "--only", "a", "--again", "--show"], "leave out --show"),
        (["t.toml", "--figure", "f.txt"], "f.png"),
        (["t.toml", "--runs", "t.toml"], "t.toml: cannot be written: File exists. Choose another with --runs."),
        (["t.toml", "--cells", "t.toml/t.json"], "Give another file with --cells."),
        (["t.toml", "--cells", "."], ".: cannot be read: Is a directory."),
    ],
)
def test_a_wrong_call_is_refused_with_its_remedy(folder, arguments, told):
    said = genkit("table", *arguments)
    assert said.code == 2 and told in said.err


def test_a_run_that_another_process_has_is_named_and_left_alone(copy):
    experiment = json.loads((copy / "t.json").read_text())["cells"]["a/vae/0"]
    (copy / "t.json").unlink()
    run = copy / "runs" / experiment["run"]
    shutil.rmtree(run / "final")
    (run / "output.log").write_text("said by the other\n")
    with RunFolder(run).locked():
        said = genkit("table", "t.toml")
    assert said.code == 1 and f"a/vae/0: runs/{run.name}: in use by another process." in said.err
    assert list(cells(copy)) == ["b/vae/0"] and (run / "output.log").read_text().startswith("said by the other")


def test_a_finished_run_that_is_damaged_is_named_with_its_remedy_and_the_others_are_kept(copy):
    kept = cells(copy)
    (copy / "t.json").unlink()
    one, other = (copy / "runs" / kept[name]["run"] for name in ("a/vae/0", "b/vae/0"))
    (one / "final" / "about.json").write_text("{")
    (other / "results.json").write_text("{")  # which the weights can replace
    said = genkit("table", "t.toml")
    assert said.code == 1 and "a/vae/0" in said.err
    assert f"Without the folder runs/{one.name}, the same command trains it anew." in said.err
    assert {name: record["results"] for name, record in cells(copy).items()} == {"b/vae/0": kept["b/vae/0"]["results"]}


def test_data_that_are_absent_for_one_column_stop_no_other(copy):
    text = TABLE + '[columns.images]\nrecipe = "images.toml"\nignore = ["loss.beta_kl"]\n'
    (copy / "images.toml").write_text(
        TINY.replace('"8-gaussians"', '"mnist"\npath = "absent"')
        .replace('"mlp"\nwidth = 16', '"small-conv"')
        .split("[metrics")[0]
    )
    (copy / "t.toml").write_text(text)
    said = genkit("table", "t.toml", "--only", "*/vae", "--only", "a/images")
    assert said.code == 1 and "a/images/0: [data] path: " in said.err and "b/vae" not in said.err
    said = genkit("table", "t.toml", "--figure", "f.png", "--show")
    assert said.code == 2 and "models no density in the plane" in said.err


def test_a_title_is_printed_as_it_is(folder):
    (folder / "t.toml").write_text(
        TABLE.replace('"tiny"', '"[/b] [red]"').replace("[columns.vae]", '[columns.vae]\ntitle = "[/x]"')
    )
    said = genkit("table", "t.toml", "--show")
    assert said.code == 0 and "[/b] [red]" in said.out and "[/x]" in said.out


def test_an_interrupt_while_numbers_are_computed_is_told(copy, monkeypatch):
    (copy / "t.json").unlink()

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("genkit.tables.train_missing.collect_results", interrupt)
    said = genkit("table", "t.toml")
    assert said.code == 130 and "The same command goes on." in said.err
