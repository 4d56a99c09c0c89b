"""What `python -m benchmarks.gpu` claims of this machine's GPU, one test for each claim. Speed is not asserted."""

import pytest
import torch

from benchmarks.gpu.parts import checks_of
from benchmarks.gpu.settings import Settings

CLAIMING = ("agreement", "input", "resume", "precision", "synchronisation", "processes", "compiled")


def claims():
    """Return the checks of all parts that claim something; without a GPU, one that is skipped."""
    if not torch.cuda.is_available():
        return [pytest.param(None, marks=pytest.mark.skip(reason="no CUDA device"), id="no-gpu")]
    checks = [(part, check) for part in CLAIMING for check in checks_of(part, Settings("cuda"))]
    return [pytest.param(check, id=f"{part}: {check.label}") for part, check in checks]


@pytest.mark.gpu
@pytest.mark.parametrize("check", claims())
def test_what_the_benchmark_claims_holds(check):
    rows = list(check.measure())
    wrong = [row for row in rows if row["ok"] is False]
    assert not wrong, wrong
    if all("left_out" in row for row in rows):
        pytest.skip(rows[0]["left_out"])
