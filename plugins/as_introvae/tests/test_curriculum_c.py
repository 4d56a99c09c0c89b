"""The curriculum c: its values, its slope and its end."""

import math

import pytest
from genkit_as_introvae.curriculum_c import CurriculumC

PROGRESS = [i / 1000 for i in range(1001)]


def test_the_linear_ramp_goes_from_0_to_1_in_the_first_fifth():
    c = CurriculumC()
    assert c(0.0) == 0.0 and c(1.0) == 1.0
    assert c(0.1) == 0.5
    assert c(0.199) < 1.0 and c(0.2) == 1.0


def test_the_tanh_ramp_starts_at_0_and_stays_below_1():
    c = CurriculumC("tanh")
    assert c(0.0) == 0.0
    for t, value in [(0.2, 0.761594), (0.4, 0.964028), (0.6, 0.995055)]:  # tanh(1), tanh(2), tanh(3)
        assert math.isclose(c(t), value, abs_tol=1e-6)
    assert 0.9999 < c(1.0) < 1.0


@pytest.mark.parametrize("anneal", ["linear", "tanh"])
@pytest.mark.parametrize("rate", [0.5, 5.0, 40.0])
def test_the_ramp_never_falls_and_stays_between_0_and_1(anneal, rate):
    values = [CurriculumC(anneal, rate)(t) for t in PROGRESS]
    assert values == sorted(values)
    assert values[0] == 0.0 and values[-1] <= 1.0


def test_the_rate_is_the_slope_at_the_start():
    for anneal in ("linear", "tanh"):
        assert math.isclose(CurriculumC(anneal, 3.0)(1e-6), 3e-6, rel_tol=1e-9)


def test_the_ramp_stops_at_end():
    for anneal in ("linear", "tanh"):
        c = CurriculumC(anneal, end=0.5)
        assert max(map(c, PROGRESS)) == c(1.0) == 0.5
        assert c(0.05) == CurriculumC(anneal)(0.05) < 0.5
