"""Random numbers: a function of seed, step, source and tag, the same for every partition of the rows."""

from dataclasses import replace

import pytest
import torch

from genkit.api import Noise, Rows
from genkit.core.noise import seed_of

NOISE = Noise(3, 5, "phase", Rows.all(6))
DRAWS = {
    "randn": lambda noise, tag="x": noise.randn(tag, 40),
    "rand": lambda noise, tag="x": noise.rand(tag, 40),
    "randint": lambda noise, tag="x": noise.randint(tag, 7, 40),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=list(DRAWS))
def test_equal_keys_give_equal_numbers_and_each_part_of_the_key_changes_them(draw):
    others = [replace(NOISE, seed=4), replace(NOISE, step=6), replace(NOISE, source="other"), NOISE.of("other phase")]
    drawn = [draw(NOISE), *map(draw, others), draw(NOISE, "y")]
    assert torch.equal(draw(NOISE), draw(NOISE))
    assert len({tuple(numbers.flatten().tolist()) for numbers in drawn}) == len(drawn)


@pytest.mark.parametrize("draw", DRAWS.values(), ids=list(DRAWS))
def test_the_parts_of_a_batch_are_the_rows_of_the_whole(draw):
    parts = [draw(replace(NOISE, rows=Rows(start, stop, 6))) for start, stop in ((0, 1), (1, 4), (4, 6))]
    assert [len(part) for part in parts] == [1, 3, 2]
    assert torch.equal(torch.cat(parts), draw(NOISE))


def test_the_numbers_have_their_distributions():
    noise = replace(NOISE, rows=Rows.all(100_000))
    normal, uniform, integers = noise.randn("x"), noise.rand("x"), noise.randint("x", 4)
    assert normal.mean().item() == pytest.approx(0, abs=0.02) and normal.std().item() == pytest.approx(1, abs=0.02)
    assert uniform.min() >= 0 and uniform.max() < 1
    assert uniform.mean().item() == pytest.approx(0.5, abs=0.01)
    assert uniform.std().item() == pytest.approx(12**-0.5, abs=0.01)
    assert torch.bincount(integers).tolist() == pytest.approx([25_000] * 4, rel=0.03)


def test_numbers_in_float64_are_those_of_float32():
    assert torch.equal(replace(NOISE, dtype=torch.float64).randn("x", 3), NOISE.randn("x", 3).double())


def test_the_numbers_are_those_of_earlier_versions():
    """Runs are resumed and tables compared across versions: other numbers would be another run of the same name."""
    noise = Noise(3, 5, "phase", Rows.all(3))
    assert seed_of(0, "weights") == 14776526817272718198
    assert noise.randn("x").tolist() == pytest.approx([-0.5305412, 1.1712795, 1.5330640], abs=1e-6)
    assert noise.rand("x").tolist() == pytest.approx([0.0397113, 0.4642643, 0.4453128], abs=1e-6)
    assert noise.randint("x", 100).tolist() == [1, 54, 21]
