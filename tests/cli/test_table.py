"""``genkit table`` and its subcommands, which train runs of a few steps in processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from support.commands import TINY, genkit, refused
from support.messages import assert_names

from genkit.runs.on_disk.run_folder import RunFolder

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
    """A folder with a table of two runs, not trained."""
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "t.toml").write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with the same table, trained, and the output of the command."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.toml").write_text(TINY)
    (folder / "t.toml").write_text(TABLE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = genkit("table", "train", "t.toml", "--jobs", "2")
    assert result.code == 0, result.err
    return folder, result.out


@pytest.fixture
def copy(trained, tmp_path, monkeypatch):
    """A copy of the trained folder, which a test may change."""
    shutil.copytree(trained[0], tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def in_this_process(monkeypatch):
    """Let a table train its runs in the process of the test, where the test is not about processes."""

    def start(*arguments, output, variables):
        result = genkit(*arguments)
        output.write(f"{result.out}{result.err}".encode())
        return SimpleNamespace(returncode=result.code, poll=lambda: result.code)

    monkeypatch.setattr("genkit.tables.jobs.start_genkit", start)


def kept_in(folder):
    return json.loads((folder / "t.json").read_text())["cells"]


# Subcommands, and the options that were there before them


@pytest.mark.parametrize("command", ["train", "show", "reproduce", "figure"])
def test_a_subcommand_has_its_own_help(command):
    help_of_group, help_of_command = genkit("table", "--help"), genkit("table", command, "-h")
    assert help_of_group.code == help_of_command.code == 0
    assert_names(help_of_group.out, f"\n  {command} ")
    assert_names(help_of_command.out, f"genkit table {command} ")


def test_the_help_of_a_call_without_subcommand_names_no_option_that_a_subcommand_replaces():
    without, train = genkit("table", "t.toml", "-h"), genkit("table", "train", "-h")
    assert without.code == 0 and "genkit table [OPTIONS]" in without.out
    assert not [option for option in ("--show", "--again", "--figure") if option in without.out]
    assert without.out.partition("Arguments")[2] == train.out.partition("Arguments")[2]


def test_a_call_without_a_table_is_refused():
    assert_names(refused("table"), "Missing argument", "TABLE")


def test_options_may_come_before_the_table(folder):
    before, after = (genkit("table", *arguments) for arguments in (["--show", "t.toml"], ["t.toml", "--show"]))
    assert before == after and before.code == 0


@pytest.mark.trains
@pytest.mark.parametrize("form", [[], ["--format", "csv"], ["--format", "markdown"], ["--cells", "t.json"]])
def test_show_is_the_option_show_and_what_train_prints_of_a_finished_table(copy, form):
    results = [
        genkit("table", *arguments, *form)
        for arguments in (["show", "t.toml"], ["t.toml", "--show"], ["train", "t.toml"], ["t.toml"])
    ]
    assert results[0].code == 0 and "kl" in results[0].out
    assert all(result == results[0] for result in results)


@pytest.mark.trains
def test_figure_is_the_option_figure(copy):
    pytest.importorskip("matplotlib")
    drawn = genkit("table", "figure", "t.toml", "one.png", "--runs", "runs")
    assert drawn.code == 0 and "one.png" in drawn.out
    drawn = genkit("table", "t.toml", "--show", "--figure", "two.png")
    assert drawn.code == 0 and "two.png" in drawn.out
    assert (copy / "one.png").read_bytes() == (copy / "two.png").read_bytes() and (
        copy / "one.png"
    ).stat().st_size > 1e4


def test_a_figure_does_not_change_what_is_kept_and_trains_nothing(folder):
    pytest.importorskip("matplotlib")
    assert genkit("table", "figure", "t.toml", "f.png").code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["f.png", "t.toml", "tiny.toml"]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["absent.toml"], ["absent.toml"]),
        (["t.toml", "--again"], ["--again", "--only ROW/COLUMN/SEED"]),
        (["reproduce", "t.toml"], ["--only"]),
        *(
            ([*command, "t.toml", "--format", "word"], ["--format word", "markdown, latex, csv"])
            for command in ([], ["train"], ["show"])
        ),
        *(
            ([*command, "t.toml", "--only", "z"], ["--only z: ", "a/vae/0"])
            for command in ([], ["train"], ["reproduce"])
        ),
        (["t.toml", "--only", "a", "--again", "--show"], ["--again", "--show"]),
        (["t.toml", "--only", "a", "--again", "--figure", "f.png"], ["--again", "--figure"]),
        (["t.toml", "--figure", "f.txt"], ["f.txt: ", "f.png"]),
        (["figure", "t.toml", "f.txt"], ["f.txt: ", "f.png"]),
        (["t.toml", "--cells", "."], [".: "]),
    ],
)
def test_a_wrong_call_is_refused(folder, arguments, names):
    assert_names(refused("table", *arguments), *names)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--runs", "t.toml"], ["t.toml: ", "--runs"]),
        (["--cells", "t.toml/t.json"], ["t.toml: ", "--cells"]),
    ],
)
def test_a_folder_that_is_not_writable_is_reported_before_anything_is_trained(folder, arguments, names):
    result = genkit("table", "t.toml", *arguments)
    assert result.code == 2
    assert_names(result.err, *names)
    assert sorted(path.name for path in folder.iterdir() if path.name != "runs") == ["t.toml", "tiny.toml"]


# Training


@pytest.mark.trains
def test_missing_runs_are_trained_and_kept(trained):
    folder, out = trained
    assert "2 of 2" in out and "kl" in out
    kept = kept_in(folder)
    assert list(kept) == ["a/vae/0", "b/vae/0"]
    for run in kept.values():
        results = json.loads((folder / "runs" / run["run"] / "results.json").read_text())
        assert [each["value"] for each in run["results"].values()] == [each["value"] for each in results]
        assert run["results"]["kl"]["value"] > 0
        assert run["made_with"]["threads"] == 1 and run["made_with"]["step"] == 5


@pytest.mark.trains
def test_a_kept_result_is_not_trained_again_even_without_its_run_folder(copy):
    shutil.rmtree(copy / "runs")
    before = (copy / "t.json").read_bytes()
    result = genkit("table", "t.toml")
    assert result.code == 0 and "not run" not in result.out
    assert not (copy / "runs").exists() and (copy / "t.json").read_bytes() == before


@pytest.mark.parametrize("arguments", [["show", "t.toml"], ["t.toml", "--show"]])
def test_show_trains_nothing(folder, arguments):
    result = genkit("table", *arguments)
    assert result.code == 0 and result.out.count("not run") == 2
    assert "fresh draws" in result.out.split("how each number is made")[1]
    assert sorted(path.name for path in folder.iterdir()) == ["t.toml", "tiny.toml"]


COUPLED = TABLE.replace(
    'recipe = "tiny.toml"',
    """recipe = "tiny.toml"
set.loss.use = "as-introvae"
set.loss.divergence = { use = "as-distance", form = "marginal" }
set.train.accumulate = 2""",
)


def test_a_mistake_that_only_the_dry_run_finds_is_reported_before_anything_is_trained(folder):
    (folder / "t.toml").write_text(COUPLED)
    result = genkit("table", "t.toml")
    assert result.code == 2
    assert_names(result.err, "t.toml:8 [columns.vae.set.train] accumulate", "samples of a batch")
    assert result.err.rstrip().endswith("In a/vae, b/vae.")
    assert not (folder / "runs").exists()


@pytest.mark.trains
def test_there_is_no_dry_run_if_nothing_is_trained(copy, monkeypatch):
    monkeypatch.setattr("genkit.recipe.trial.measured_step.costs_of", None)
    assert genkit("table", "show", "t.toml").code == 0
    assert genkit("table", "t.toml", "--show").code == 0
    assert genkit("table", "t.toml").code == 0


@pytest.mark.trains
def test_a_finished_run_is_read_and_a_new_metric_is_computed_from_it(copy):
    (copy / "t.json").unlink()
    (copy / "t.toml").write_text(
        TABLE.replace('["kl"]', '["kl", "high-quality"]').replace(
            'recipe = "tiny.toml"', 'recipe = "tiny.toml"\nset.metrics.high-quality.samples = 100'
        )
    )
    result = genkit("table", "t.toml")
    assert result.code == 0 and "trained" not in result.out
    labels = {label for run in kept_in(copy).values() for label in run["results"]}
    assert labels == {"modes", "kl", "high-quality"}


@pytest.mark.trains
def test_a_cell_whose_recipe_has_changed_is_named_with_the_change(copy):
    (copy / "t.toml").write_text(TABLE.replace("0.25", "0.75"))
    result = genkit("table", "t.toml", "--show")
    (remark,) = (line for line in result.out.splitlines() if line.startswith("† "))
    assert result.code == 0
    assert_names(remark, "b/vae/0", "loss.beta_kl 0.25 -> 0.75")


@pytest.mark.trains
def test_a_run_that_diverges_is_kept_as_failed(folder, in_this_process):
    (folder / "t.toml").write_text(TABLE.replace("0.25", "0.25\nset.optimiser.encoder.lr = 1e30"))
    result = genkit("table", "t.toml", "--only", "b")
    assert "exit code 3" in result.out and "b/vae/0 failed: " in result.out and "clip_norm" in result.out
    failure = kept_in(folder)["b/vae/0"]["failure"]
    assert "clip_norm" in failure and "runs/" not in failure and failure.endswith(".")
    assert genkit("table", "t.toml", "--only", "b").code == 0  # it is not trained a second time


def start(*arguments):
    command = [sys.executable, "-P", "-m", "genkit", "table", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def start_and_wait_for_checkpoint(folder, *arguments):
    table = start(*arguments)
    while not list(folder.glob("runs/*/checkpoints/step-*")):
        time.sleep(0.05)
        assert table.poll() is None
    return table


@pytest.mark.trains
def test_a_killed_run_is_named_and_continues_to_the_same_numbers(folder, holding):
    text = TINY.replace("steps = 5", "steps = 60") + "[checkpoint]\nevery = 20\n" + holding.at(30)
    (folder / "tiny.toml").write_text(text)
    holding.begin()
    table = start("t.toml", "--only", "a")
    os.kill(holding.wait(table), signal.SIGKILL)
    _, err = table.communicate(timeout=900)
    assert table.returncode == 1
    assert_names(err, "a/vae/0: ", "signal 9", "continue")

    assert genkit("table", "t.toml", "--only", "a").code == 0
    result = genkit("table", "reproduce", "t.toml", "--only", "a")
    assert result.code == 0 and "the same" in result.out


@pytest.mark.trains
def test_an_interrupted_table_saves_its_runs(folder):
    (folder / "tiny.toml").write_text(TINY.replace("steps = 5", "steps = 100_000") + "[checkpoint]\nevery = 20\n")
    table = start_and_wait_for_checkpoint(folder, "train", "t.toml")
    table.send_signal(signal.SIGINT)
    _, err = table.communicate(timeout=900)
    assert table.returncode == 130
    assert_names(err, "stopped", "checkpoint", "continue")
    assert "Traceback" not in err


@pytest.mark.trains
def test_the_runs_of_a_table_that_is_killed_save_and_stop(folder):
    """Their processes find the modules of the command, and none in the working folder."""
    (folder / "tiny.toml").write_text(TINY.replace("steps = 5", "steps = 100_000") + "[checkpoint]\nevery = 20\n")
    (folder / "random.py").write_text("raise SystemExit('executed')")
    table = start_and_wait_for_checkpoint(folder, "train", "t.toml", "--only", "a")
    table.kill()
    table.communicate(timeout=900)
    (checkpoint,) = folder.glob("runs/*/checkpoints")
    log = checkpoint.parent / "output.log"
    until = time.monotonic() + 900
    while "genkit resume" not in log.read_text():
        time.sleep(0.05)
        assert time.monotonic() < until


@pytest.mark.trains
@pytest.mark.parametrize("arguments", [["train", "t.toml"], ["t.toml"]])
def test_an_interrupt_while_numbers_are_computed_is_reported(copy, monkeypatch, arguments):
    (copy / "t.json").unlink()

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("genkit.tables.train_missing.collect_results", interrupt)
    result = genkit("table", *arguments)
    assert result.code == 130
    assert_names(result.err, "stopped", "continue")


@pytest.mark.trains
def test_a_run_that_another_process_trains_is_named_and_left_alone(copy, in_this_process):
    run = copy / "runs" / kept_in(copy)["a/vae/0"]["run"]
    (copy / "t.json").unlink()
    shutil.rmtree(run / "final")
    (run / "output.log").write_text("output of the other\n")
    with RunFolder(run).locked():
        result = genkit("table", "t.toml")
    assert result.code == 1
    assert_names(result.err, f"a/vae/0: runs/{run.name}: ", "another process")
    assert list(kept_in(copy)) == ["b/vae/0"]
    assert (run / "output.log").read_text().startswith("output of the other")


@pytest.mark.trains
def test_a_damaged_run_is_named_with_its_remedy_and_the_others_are_kept(copy):
    kept = kept_in(copy)
    (copy / "t.json").unlink()
    one, other = (copy / "runs" / kept[name]["run"] for name in ("a/vae/0", "b/vae/0"))
    (one / "final" / "about.json").write_text("{")
    (other / "results.json").write_text("{")  # computed again from the weights
    result = genkit("table", "t.toml")
    assert result.code == 1
    assert_names(result.err, "a/vae/0: ", f"delete the folder runs/{one.name}")
    assert {name: run["results"] for name, run in kept_in(copy).items()} == {"b/vae/0": kept["b/vae/0"]["results"]}


@pytest.mark.trains
def test_missing_data_of_one_column_stop_no_other_column(copy):
    text = TABLE + '[columns.images]\nrecipe = "images.toml"\nignore = ["loss.beta_kl"]\n'
    (copy / "images.toml").write_text(
        TINY.replace('"8-gaussians"', '"mnist"\npath = "absent"')
        .replace('"mlp"\nwidth = 16', '"small-conv"')
        .split("[metrics")[0]
    )
    (copy / "t.toml").write_text(text)
    result = genkit("table", "t.toml", "--only", "*/vae", "--only", "a/images")
    assert result.code == 1 and "a/images/0: images.toml:5 [data] path: " in result.err and "b/vae" not in result.err
    assert_names(refused("table", "figure", "t.toml", "f.png"), "a/images: ", "density")
    assert_names(refused("table", "t.toml", "--figure", "f.png", "--show"), "a/images: ", "density")


def test_a_title_is_not_read_as_markup(folder):
    (folder / "t.toml").write_text(
        TABLE.replace('"tiny"', '"[/b] [red]"').replace("[columns.vae]", '[columns.vae]\ntitle = "[/x]"')
    )
    result = genkit("table", "t.toml", "--show")
    assert result.code == 0 and "[/b] [red]" in result.out and "[/x]" in result.out


# Reproducing


@pytest.mark.trains
@pytest.mark.parametrize("arguments", [["reproduce", "t.toml", "--only", "a"], ["t.toml", "--only", "a", "--again"]])
def test_a_reproduced_run_has_the_same_numbers_and_one_that_was_changed_differs(copy, in_this_process, arguments):
    content = json.loads((copy / "t.json").read_text())
    content["cells"]["a/vae/0"]["results"]["kl"]["value"] += 1e-9
    changed = json.dumps(content)
    (copy / "t.json").write_text(changed)
    result = genkit("table", *arguments)
    assert result.code == 1 and "1 of 2 numbers differ" in result.err
    assert result.out.count("differs") == result.out.count("the same") == 1 and "b/vae/0" not in result.out
    assert (copy / "t.json").read_text() == changed
    assert len(list((copy / "runs" / "again").iterdir())) == 1


@pytest.mark.trains
@pytest.mark.parametrize("arguments", [["reproduce", "t.toml", "--only", "*"], ["t.toml", "--only", "*", "--again"]])
def test_nothing_is_reproduced_if_a_run_has_no_current_result(copy, arguments):
    (copy / "t.toml").write_text(TABLE.replace("0.25", "0.75"))
    assert_names(refused("table", *arguments), "b/vae/0: ", "1 of 2", "genkit table train")
    assert not (copy / "runs" / "again").exists()
