"""Digits with strokes: a mask marks exactly the pixels that differ from the packaged digit."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from scipy.ndimage import label
from support.commands import TINY
from support.schemas import accepts

from genkit.api import MaskedDataset, Noise, Rows
from genkit.errors import RecipeError
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.stroke_digits import StrokeDigits
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.plan import make_plan
from genkit.recipe.schema.schema_of_parts import PartSchemas

SOME = torch.tensor([0, 7, 500, 999])


def batch_of(data, indices=SOME):
    return data.batch(indices, Noise(3, 4, "data", Rows.all(len(indices))))


def test_the_mask_marks_the_pixels_that_changed():
    data = StrokeDigits(split="test", brightness=0.6)
    found, plain = batch_of(data, torch.arange(1000)), batch_of(Digits(split="test"), torch.arange(1000))
    masks = found.extra["mask"]
    assert masks.dtype == torch.bool and masks.shape == (1000, 28, 28)
    assert torch.equal(masks, (found.x != plain.x).squeeze(1))
    assert found.x.squeeze(1)[masks].unique().tolist() == pytest.approx([153 / 255])
    assert torch.equal(found.extra["label"], plain.extra["label"])
    sizes = masks.sum(dim=(1, 2))
    assert sizes.min() >= 5 and sizes.max() <= 100 and sizes.unique().numel() > 20


def test_a_stroke_is_connected_and_wider_with_a_greater_width():
    narrow, wide = (StrokeDigits(split="test", width=width, brightness=1.0) for width in (2.0, 4.0))
    digits = Digits(split="test").arrays.images[:50, 0]
    for data in (narrow, wide):
        inside = data.masks[:50] | (digits == 255)  # a white pixel does not change
        parts = [label(inside[row] & _near(data.masks[row]), np.ones((3, 3)))[1] for row in range(50)]
        assert np.mean(parts) < 1.3
    assert 1.5 < wide.masks.sum() / narrow.masks.sum() < 2.5


def _near(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(mask)
    near = np.zeros_like(mask)
    near[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return near


def test_strokes_are_a_function_of_the_seed_the_split_and_the_number():
    data = StrokeDigits(split="test")
    assert torch.equal(batch_of(data).x, batch_of(StrokeDigits(split="test"), SOME).x)
    assert torch.equal(batch_of(data, SOME.flip(0)).x.flip(0), batch_of(data).x)
    assert torch.equal(batch_of(pickle.loads(pickle.dumps(data))).x, batch_of(data).x)
    other = StrokeDigits(split="test", stroke_seed=1)
    assert not np.array_equal(other.masks, data.masks)
    train = StrokeDigits().masks[:1000]
    overlap = (train & data.masks).sum(axis=(1, 2)) / (train | data.masks).sum(axis=(1, 2))
    assert overlap.mean() < 0.2  # a stroke over another digit changes other pixels
    assert isinstance(data, MaskedDataset) and not isinstance(Digits(), MaskedDataset)


def test_a_choice_of_classes_changes_no_stroke():
    whole, nines = StrokeDigits(split="test"), StrokeDigits(split="test", classes=(9,))
    rows = whole.arrays.labels == 9
    assert np.array_equal(nines.masks, whole.masks[rows]) and np.array_equal(
        nines.arrays.images, whole.arrays.images[rows]
    )
    assert nines.size == 100 and nines.held_out().size == 100


def test_a_share_of_the_digits_has_a_stroke():
    data = StrokeDigits(split="test", share=0.3)
    marked = data.masks.any(axis=(1, 2))
    assert 0.25 < marked.mean() < 0.35
    whole = StrokeDigits(split="test")
    assert np.array_equal(data.masks[marked], whole.masks[marked])
    assert np.array_equal(data.arrays.images[~marked], Digits(split="test").arrays.images[~marked])


@pytest.mark.parametrize(("width", "brightness"), [(1.0, 0.01), (1.0, 1.0), (14.0, 0.01)])
def test_at_the_limits_of_its_keys_every_stroke_is_seen_and_no_picture_is_all_stroke(width, brightness):
    masks = StrokeDigits(split="test", width=width, brightness=brightness).masks
    assert masks.any(axis=(1, 2)).all() and not masks.all(axis=(1, 2)).any()


@pytest.mark.parametrize(("key", "value"), [("brightness", -0.01), ("brightness", 1.01), ("width", 0.9), ("width", 15)])
def test_a_stroke_that_is_no_stroke_is_refused_at_its_line_and_by_the_schema(key, value, tmp_path):
    text = TINY.replace('use = "8-gaussians"', f'use = "stroke-digits"\n{key} = {value}')
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(RecipeError) as refused:
        make_plan(tmp_path / "r.toml", try_step=False)
    (problem,) = [each for each in refused.value.problems if each.place.path == ("data", key)]
    assert f"r.toml:{text[: text.index(f'{key} =')].count(chr(10)) + 1} " in str(problem)
    schema = PartSchemas(load_registry()).keys_of(StrokeDigits)[key].schema
    assert not accepts(schema)(value) and accepts(schema)(getattr(StrokeDigits(), key))


def test_a_black_stroke_is_seen_only_where_it_crosses_the_digit():
    black, digits = StrokeDigits(split="test", brightness=0.0), Digits(split="test").arrays.images[:, 0]
    assert black.masks.any() and not (black.masks & (digits == 0)).any()
    assert (black.arrays.images[:, 0][black.masks] < digits[black.masks]).all()


def test_a_share_that_leaves_no_stroke_is_refused():
    with pytest.raises(ValueError, match="share: no digit of the train split"):
        StrokeDigits(share=1e-9).read()
    with pytest.raises(ValueError, match="share: no digit of the test split"):  # of the chosen class
        StrokeDigits(split="test", share=0.005, classes=(3,)).read()
    assert StrokeDigits(split="test", share=0.005).read()
