"""`python -m benchmarks.gpu` runs without a GPU in small form, so that it works when there is one."""

import json
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import __main__ as program
from benchmarks.gpu import apart, parts
from benchmarks.gpu.parts import PARTS, checks_of, rows_of
from benchmarks.gpu.rows import Check, at_most, failed, measured
from benchmarks.gpu.settings import Settings
from genkit.recipe.registry import load_registry

pytestmark = pytest.mark.trains

CHECKOUT = Path(__file__).parents[2]
TINY, MISTAKE = Settings("cpu", tiny=True), Settings("cpu", tiny=True, mistake=True)
METHODS = ("introvae", "soft-introvae", "as-introvae", "wgan-gp")


def run(out, *options):
    """Run the program as a user would; return its exit code, its output and its result."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--tiny", "--out", str(out), *options]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr, json.loads(out.read_text())


@pytest.fixture(autouse=True)
def _all_methods():
    installed = {part.entry.name for part in load_registry().of_kind("losses")}
    if missing := set(METHODS) - installed:
        pytest.skip(f"losses that are not installed: {', '.join(sorted(missing))}")


def test_all_parts_run_and_every_claim_holds(tmp_path):
    code, output, result = run(tmp_path / "gpu.json")
    rows = {name: part["rows"] for name, part in result["parts"].items()}
    wrong = [row for part in rows.values() for row in part if row["ok"] is False]
    assert code == 0 and not wrong, wrong or output
    assert list(rows) == list(PARTS) and result["complete"] and result["failures"] == 0
    assert all(part["seconds"] > 0 for part in result["parts"].values())
    for name, part in rows.items():
        assert all({"case", "what", "ok"} <= row.keys() for row in part)
        assert name == "device" or any(row["ok"] for row in part), f"{name} claims nothing"
    (environment,) = (row for row in rows["device"] if row["case"] == "environment")
    assert {"genkit", "python", "torch", "accelerate", "cores", "device"} <= environment.keys()
    assert {row["case"].split(",")[0] for row in rows["agreement"]} == {"vae", *METHODS}
    assert len(rows["agreement"]) == 2 * 2 * 5  # precisions, kinds of data, methods
    timed = next(row for row in rows["speed"] if "genkit_ms" in row)
    assert {"published_ms", "ratio", "images_per_s", "peak_mb", "share_of_product", "waiting_for_data"} <= timed.keys()
    assert f"{result['claims']} of {result['claims']} claims hold" in output
    assert all(f"\n{name}, " in f"\n{output}" for name in PARTS)  # each part has its table


def test_a_wrong_number_is_a_failure_and_sets_the_exit_code(tmp_path):
    code, output, result = run(tmp_path / "gpu.json", "--mistake", "--parts", "synchronisation")
    assert code == 1 and result["failures"] == result["claims"] == 5
    assert "FAILED" in output and "0 of 5 claims hold, 5 fail" in output


@pytest.mark.parametrize("part", [name for name in PARTS if name not in ("device", "speed")])
def test_every_claim_of_a_part_can_fail(part):
    claims = [row for row in rows_of(part, MISTAKE, 999) if row["ok"] is not None]
    assert claims and not any(row["ok"] for row in claims) and not any("error" in row for row in claims)


def test_the_claim_of_speed_can_fail():
    (check,) = (check for check in checks_of("speed", MISTAKE) if check.label == "totals")
    assert [row["ok"] for row in check.measure()] == [False]


def test_a_check_that_fails_is_a_row_and_one_that_is_late_is_left_out(monkeypatch):
    def broken():
        raise ValueError("no such kernel\nand more")

    fine = Check("fine", lambda: [at_most("fine", "", 1.0, 2.0)])
    monkeypatch.setattr(parts, "checks_of", lambda *_: [Check("broken", broken), fine, Check("late", broken)])
    wrong, right, late = rows_of("any", TINY, 25, now=count(0, 10).__next__)
    assert wrong["ok"] is False and wrong["case"] == "broken" and "ValueError: no such kernel (" in wrong["error"]
    assert right["ok"] is True and "and more" not in wrong["error"]
    assert late["ok"] is None and "no time left" in late["left_out"]


@pytest.mark.parametrize("settings", [TINY, Settings("cuda")], ids=["forked", "started"])
@pytest.mark.parametrize(("part", "seconds", "said"), [("absent", 60, "No module named"), ("speed", -20, "stopped")])
def test_a_part_that_crashes_or_does_not_end_is_a_row(part, seconds, said, settings):
    *_, rows = apart.run_apart(part, settings, seconds)
    assert rows[-1]["ok"] is False and rows[-1]["case"] == part and said in rows[-1]["error"]


def test_a_program_that_is_cut_off_keeps_what_it_has_measured(tmp_path, monkeypatch):
    def cut_off(part, settings, seconds):
        yield [measured("one", "")]
        yield [measured("one", ""), failed("two", "", "cut")]
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "run_apart", cut_off)
    with pytest.raises(KeyboardInterrupt):
        program.main(["--tiny", "--out", str(tmp_path / "gpu.json")])
    result = json.loads((tmp_path / "gpu.json").read_text())
    assert [row["case"] for row in result["parts"]["device"]["rows"]] == ["one", "two"]
    assert not result["complete"] and result["failures"] == 1


def test_time_that_a_part_leaves_goes_to_those_after_it(tmp_path, monkeypatch):
    given = {}

    def at_once(part, settings, seconds):
        given[part] = seconds
        yield []

    monkeypatch.setattr(program, "run_apart", at_once)
    program.main(["--tiny", "--budget", "100", "--parts", "agreement,speed", "--out", str(tmp_path / "gpu.json")])
    share = PARTS["agreement"].seconds / (PARTS["agreement"].seconds + PARTS["speed"].seconds)
    assert given["agreement"] == pytest.approx(100 * share, rel=0.01)
    assert given["speed"] == pytest.approx(100, rel=0.01)


@pytest.mark.parametrize("options", [["--tiny", "--parts", "spead"], ["--out", "never.json"]])
def test_what_cannot_be_run_is_refused(options, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as stopped:
        program.main(options)
    assert stopped.value.code == 2 and ("spead" in (said := capsys.readouterr().err) or "--tiny" in said)


def test_a_nan_is_no_claim_that_holds():
    assert at_most("", "", float("nan"), 1.0) == {"case": "", "what": "", "ok": False, "value": "nan", "bound": 1.0}
