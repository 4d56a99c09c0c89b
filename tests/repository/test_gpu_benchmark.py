"""`python -m benchmarks.gpu` runs without a GPU in small form, so that it works when there is one."""

import json
import subprocess
import sys
import warnings
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks.gpu import __main__ as program
from benchmarks.gpu import apart, compiled, device, parts, processes, resume, speed, synchronisation
from benchmarks.gpu.parts import PARTS, checks_of, rows_of
from benchmarks.gpu.rows import Check, at_most, failed, measured
from benchmarks.gpu.settings import Settings
from benchmarks.gpu.small import small_cases
from genkit.errors import GenkitWarning
from genkit.recipe.installed.registry import load_registry

pytestmark = pytest.mark.trains

CHECKOUT = Path(__file__).parents[2]
TINY, MISTAKE = Settings("cpu", tiny=True), Settings("cpu", tiny=True, mistake=True)
METHODS = ("introvae", "soft-introvae", "as-introvae", "wgan-gp")


def run(out, *options):
    """Run the program with time for a busy machine; return its exit code, its output and its result."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--tiny", "--budget", "9000", "--out", str(out), *options]
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


QUICK, LONG = ("input", "resume", "precision", "synchronisation"), ("agreement", "processes", "compiled")


@pytest.mark.parametrize("part", [*QUICK, *(pytest.param(part, marks=pytest.mark.slow) for part in LONG)])
def test_every_claim_of_a_part_can_fail(part):
    claims = [row for row in rows_of(part, MISTAKE, 999) if row["ok"] is not None]
    assert claims and not any(row["ok"] for row in claims) and not any("error" in row for row in claims)


def test_every_part_with_claims_is_among_them():
    assert {*QUICK, *LONG, "speed", "device"} == set(PARTS)


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


# The lines that only a GPU reaches, on a GPU that is imagined.


def test_the_environment_names_the_gpu(monkeypatch):
    properties = SimpleNamespace(name="Some GPU", total_memory=80 * 10**9, major=9, minor=0)
    for name, value in (("get_device_properties", lambda _: properties), ("device_count", lambda: 2)):
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch.cuda.nccl, "version", lambda: (2, 28, 9))
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: True)
    driver = SimpleNamespace(stdout="580.1\n580.1\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **options: driver)
    facts = device.environment(Settings("cuda"))
    assert (facts["gpu"], facts["gpus"], facts["gpu_memory_gb"]) == ("Some GPU", 2, 80.0)
    assert (facts["compute_capability"], facts["driver"], facts["nccl"]) == ("9.0", "580.1", "2.28.9")
    assert json.dumps(facts)


def test_a_wait_is_counted_at_its_line(monkeypatch):
    modes = []
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)

    def do():
        for _ in range(3):
            warnings.warn("called a synchronizing CUDA operation", stacklevel=1)
        warnings.warn("Synchronization debug mode is a prototype feature", stacklevel=1)

    waits = synchronisation.waits_on_gpu(do)
    assert waits.total() == 3 and len(waits) == 1 and next(iter(waits)).startswith("tests/repository/test_gpu")
    assert modes == ["warn", "default"]


def test_a_peak_is_what_was_used_above_the_baseline(monkeypatch):
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 3_000_000)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 10_000_000)
    assert speed._peak(Settings("cuda"), speed._start_of_peak(Settings("cuda"))) == 7.0


@pytest.mark.parametrize("gpus", [1, 2])
def test_nccl_is_asked_and_its_answer_is_a_row(monkeypatch, gpus):
    asked = []

    def train(settings, size, out, backend, cases, *, one_device):
        asked.append((size, backend, one_device))
        raise processes.GroupFailed("Duplicate GPU detected")

    monkeypatch.setattr(processes, "train", train)
    monkeypatch.setattr(processes, "train_here", lambda *_: None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    gloo, *nccl = checks_of("processes", Settings("cuda"))
    assert gloo.label == "gloo" and [check.label for check in nccl] == ["nccl, one GPU", "nccl, two GPUs"]
    (row,) = nccl[0].measure()
    assert row["ok"] is None and row["left_out"] == "refused: Duplicate GPU detected"
    if gpus == 1:
        (row,) = nccl[1].measure()
        assert row["ok"] is None and "1 GPU" in row["left_out"]
    else:
        with pytest.raises(processes.GroupFailed):
            list(nccl[1].measure())
    assert asked == [(2, "nccl", True), (2, "nccl", False)][:gpus]


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        ("W0101 careful\nValueError: no\n[rank0] warning: not destroyed\n", "ValueError: no"),
        (
            "x\nncclInvalidUsage\nDuplicate GPU detected : rank 0\nDistBackendError: see above\n",
            "Duplicate GPU detected : rank 0",
        ),
        ("killed\n", "killed"),
        ("", ""),
    ],
)
def test_the_reason_of_a_group_is_the_line_of_its_error(stderr, reason):
    assert processes.reason_in(stderr) == reason


def test_bits_that_differ_on_a_gpu_are_tried_again_deterministically(monkeypatch):
    modes, differ = [], [["model/x"], ["model/x"], []]
    monkeypatch.setattr(resume, "train_to", lambda *_, **options: None)
    monkeypatch.setattr(resume, "different_bits", lambda *_: differ.pop(0))
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda mode, **_: modes.append(mode))
    case = next(small_cases(Settings("cuda", tiny=True)))
    plain, again = resume.resume(Settings("cuda", tiny=True), case, "fp32")
    assert (plain["ok"], plain["value"], plain["differ_when_repeated"]) == (False, 1, 1)
    assert again["ok"] and again["what"] == "fp32, deterministic" and modes == [True, False]


def test_a_compilation_that_fails_is_a_failure(monkeypatch):
    def warn(plan, *_, **options):
        if plan.recipe.train.compile:
            warnings.warn("[train] compile: no compiler", GenkitWarning, stacklevel=1)
        return [{"vae/total": 1.0}]

    monkeypatch.setattr(compiled, "first_terms", warn)
    (row,) = compiled.compare_compiled(TINY, next(small_cases(TINY)), "fp32")
    assert row["ok"] is False and "no compiler" in row["error"]
