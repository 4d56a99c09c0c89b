"""An evaluation on several processes: its numbers equal those of one process, to the bit, and all processes work."""

import json

import pytest
from support.commands import on_processes

from genkit.recipe.installed.registry import load_registry

pytestmark = pytest.mark.trains
CASES = ("images", "points", "classes", "few", "batch", "recalibrated")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return the results of each case by number of processes and rank, and what each process has computed."""
    found, calls = {}, {}
    for count in (1, 2, 3):
        out = tmp_path_factory.mktemp(f"on-{count}")
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("GENKIT_CACHE", str(out / "cache"))
            on_processes(count, "evaluation_worker.py", out)
        for rank in range(count):
            found[count, rank] = {case: json.loads((out / f"{case}-{rank}.json").read_text()) for case in CASES}
            calls[count, rank] = json.loads((out / f"calls-{rank}.json").read_text())
    return found, calls


@pytest.mark.parametrize("case", CASES)
def test_the_numbers_of_several_processes_are_those_of_one(results, case):
    found, _ = results
    refused = {label: reason for label, (value, reason) in found[1, 0][case].items() if value is None}
    assert refused == ({"Refuses": "three"} if "Refuses" in found[1, 0][case] else {})
    for place in found:
        assert found[place][case] == found[1, 0][case], place


def test_every_process_computes_its_share(results):
    _, calls = results
    assert calls[1, 0] == 0  # one process calls the functions directly
    for count in (2, 3):
        shares = [calls[count, rank] for rank in range(count)]
        assert min(shares) > 0.6 * max(shares), shares
    assert calls[3, 0] < 0.9 * calls[2, 0]


def test_all_built_in_metrics_are_compared(results):
    found, _ = results
    parts = load_registry().of_kind("metrics")
    built_in = {part.entry.name for part in parts if part.owner.distribution == "genkit-torch"}
    compared = {name for case in ("images", "points", "classes") for name in found[1, 0][case]}
    assert built_in - compared == {"fid"}  # which is frechet-distance with features that must be downloaded
