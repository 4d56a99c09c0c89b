"""`genkit ls`: the same runs as in Python, as a table or as JSON."""

import json
import subprocess
import sys

import pytest
from support.commands import genkit as command
from support.messages import assert_names
from support.run_folders import result, write_run

import genkit
from genkit.errors import UsageError


@pytest.fixture(autouse=True)
def _isolated(isolated):
    """Run each test in an empty folder."""


@pytest.fixture
def runs(tmp_path):
    write_run(tmp_path / "runs" / "0001-a-s0", title="[b]A[/b]", steps=[100], results=[result("modes", 7.0, "higher")])
    write_run(tmp_path / "runs" / "0002-b-s0", title="B \x1b[2J", steps=[30])
    write_run(tmp_path / "runs" / "0003-c-s0").resolved.write_text("=")
    return tmp_path / "runs"


def test_a_row_for_each_run_and_a_line_for_what_is_damaged(runs):
    printed = command("ls")
    assert printed.code == 0 and "\x1b" not in printed.out and "[b]A[/b]" in printed.out
    rows = [line for line in printed.out.splitlines() if line.startswith("000")]
    for row, words in zip(
        rows, [("100/100", "finished", "modes ↑ 7"), ("30/100", "stopped"), ("damaged",)], strict=True
    ):
        assert_names(row, *words)
    (reason,) = [line for line in printed.out.splitlines() if line.startswith("damaged")]
    assert_names(reason, "0003-c-s0", "recipe.resolved.toml")


def test_json_and_python_say_the_same(runs):
    for options, arguments in (((), {}), (("--sort", "state", "-r"), {"sort": "state", "reverse": True})):
        facts = json.loads(command("ls", "runs", "--json", *options).out)
        listed = genkit.list_runs("runs", **arguments)
        assert facts["runs"] == [run.as_dict() for run in listed] and len(listed) == 3
    first = next(run for run in listed if run.name == "0001-a-s0")
    assert genkit.open_run(first).path == first.path and str(genkit.open_run(first).state) == first.state == "finished"
    assert "0002-b-s0" in repr(listed) and repr(listed[:0]) == "no runs" and "<table>" in listed._repr_html_()


@pytest.mark.parametrize("table", ["", "[ema]\n"])
def test_a_metric_of_raw_weights_says_so_where_the_pictures_are_of_others(tmp_path, table):
    write_run(tmp_path / "runs" / "0001-a-s0", tables=table, steps=[100], results=[result("fid", 2.0, "lower")])
    unfinished = write_run(tmp_path / "runs" / "0002-b-s0", tables=table, steps=[50])
    unfinished.evaluations.append({"step": 50, "results": [{**result("psnr", 3.0), "better": "higher"}]})
    assert ("fid ↓ 2, raw weights" in command("ls").out) == bool(table)
    notes = [run.metric.weights_note for run in genkit.list_runs("runs")]
    assert notes == ["raw weights" * bool(table), ""]  # a result without a protocol says nothing


@pytest.mark.parametrize("value", [float("inf"), float("nan")], ids=["inf", "nan"])
def test_json_has_no_number_that_is_not_finite(tmp_path, value):
    write_run(tmp_path / "runs" / "0001-a-s0", steps=[100], results=[result("fid", value, "lower")])
    (run,) = json.loads(command("ls", "--json").out, parse_constant=pytest.fail)["runs"]
    metric = {"label": "fid", "value": None, "better": "lower", "weights_note": ""}
    assert run["state"] == "finished" and run["metric"] == metric
    assert genkit.list_runs("runs")[0].metric.value == pytest.approx(value, nan_ok=True)


def test_no_runs_is_no_mistake_and_no_folder_is_one(tmp_path):
    assert_names(command("ls").out, "runs", "`genkit run RECIPE`")
    (tmp_path / "runs").mkdir()
    assert command("ls").code == 0 and json.loads(command("ls", "--json").out)["runs"] == []
    refused = command("ls", "rnus")
    assert refused.code == 2 and refused.err.startswith("error: rnus")
    assert command("ls", "--sort", "stat").code == 2
    with pytest.raises(UsageError, match="state"):
        genkit.list_runs("runs", sort="stat")


@pytest.mark.trains
def test_a_list_needs_no_torch(runs):
    code = "import sys, genkit.__main__ as g\ntry: g.main()\nexcept SystemExit: pass\nassert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code, "ls", runs], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0 and "0001-a-s0" in done.stdout, done.stderr


def test_a_name_has_one_row_whatever_is_in_it(tmp_path):
    write_run(tmp_path / "runs" / "a\nb", title="c\u202ee")
    write_run(tmp_path / "runs" / "e\nf").resolved.write_text("=")
    printed = command("ls").out
    (row,) = [line for line in printed.splitlines() if line.startswith(r"a\nb ")]
    assert row.endswith(r"c\u202ee")
    assert [line.split()[1] for line in printed.splitlines() if line.startswith("damaged")] == [r"e\nf:"]
