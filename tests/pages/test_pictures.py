"""Pictures of a page keep to its budget, and what is left out is said."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from genkit.pages.pictures import WEBP_SIDE, AskedPicture, PictureBudget, remarks_on_smaller
from genkit.storage.picture_title import PictureTitle, chunks_of_title


def save(path, size=(64, 48), noise=True) -> AskedPicture:
    generator = np.random.default_rng(len(path.name))
    pixels = (
        generator.integers(0, 256, (*size[::-1], 3), dtype=np.uint8) if noise else np.zeros((*size[::-1], 3), np.uint8)
    )
    Image.fromarray(pixels).save(path)
    return AskedPicture(path, f"text of {path.stem}", path.stem)


def decoded(picture) -> bytes:
    head, content = picture.source.split(",")
    assert head.startswith("data:image/") and head.endswith(";base64")
    return base64.b64decode(content)


def test_a_picture_that_fits_is_in_the_page_to_the_byte(tmp_path):
    budget = PictureBudget()
    (picture,) = budget.take([save(tmp_path / "a.png")])
    assert decoded(picture) == (tmp_path / "a.png").read_bytes() and (picture.width, picture.height) == (64, 48)
    assert (picture.text, picture.label, budget.remarks) == ("text of a", "a", [])


@pytest.mark.parametrize("size", [20_000, 100_000])
def test_the_budget_holds_for_any_pictures(tmp_path, size):
    budget = PictureBudget(size)
    asked = [save(tmp_path / f"{number}.png", (200, 200)) for number in range(6)]
    half, rest = budget.take(asked[:3], 0.5), budget.take(asked[3:])
    taken = half + rest
    assert sum(len(picture.source) for picture in half) <= size / 2
    assert taken and sum(len(picture.source) for picture in taken) <= size
    for picture in taken:
        shown = Image.open(io.BytesIO(decoded(picture)))
        assert (shown.size < (200, 200)) == picture.smaller and (picture.width, picture.height) == (200, 200)
    smaller = sum(picture.smaller for picture in taken)
    assert smaller and [str(smaller) in remark for remark in remarks_on_smaller(taken)] == [True]


def test_pictures_with_all_their_pixels_have_no_remark(tmp_path):
    assert remarks_on_smaller([]) == remarks_on_smaller(PictureBudget().take([save(tmp_path / "a.png")])) == []


def test_a_picture_may_use_what_the_one_before_did_not_need(tmp_path):
    small, large = save(tmp_path / "small.png", (8, 8), noise=False), save(tmp_path / "large.png", (100, 100))
    need = 4 * (tmp_path / "large.png").stat().st_size // 3 + 1000
    (_, picture) = PictureBudget(need).take([small, large])
    assert decoded(picture) == (tmp_path / "large.png").read_bytes()


def test_missing_damaged_and_too_large_pictures_are_left_out_with_a_remark(tmp_path):
    budget = PictureBudget(2_000)
    good = save(tmp_path / "good.png", (8, 8), noise=False)
    save(tmp_path / "cut.png", (300, 300))
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:5000])
    (tmp_path / "text.png").write_text("<script>")
    (tmp_path / "folder.png").mkdir()
    names = ["absent.png", "cut.png", "text.png", "folder.png"]
    taken = budget.take([AskedPicture(tmp_path / name, name) for name in names] + [good])
    assert [picture.label for picture in taken] == ["good"]
    assert len(budget.remarks) == 4 and all(name in remark for name, remark in zip(names, budget.remarks))
    assert not PictureBudget(300).take([save(tmp_path / "noise.png", (300, 300))])


@pytest.mark.parametrize("size", [(20_000, 3), (3, 20_000)], ids=["wide", "high"])
def test_a_picture_beyond_the_sides_of_the_format_is_made_smaller(tmp_path, size):
    asked = save(tmp_path / "long.png", size)
    budget = PictureBudget((tmp_path / "long.png").stat().st_size)
    (picture,) = budget.take([asked])
    shown = Image.open(io.BytesIO(decoded(picture)))
    assert picture.smaller and max(shown.size) == WEBP_SIDE and len(remarks_on_smaller([picture])) == 1


def test_an_image_of_pillow_is_a_picture_too():
    (picture,) = PictureBudget().take([AskedPicture(Image.new("L", (5, 4), 128), "grey")])
    assert Image.open(io.BytesIO(decoded(picture))).size == (5, 4)


def test_what_one_picture_has_taken_the_next_does_not_get(tmp_path):
    asked = [save(tmp_path / f"{name}.png", (100, 100)) for name in "ab"]
    size = 16 * (tmp_path / "a.png").stat().st_size // 10  # room for one of them as it is, and not for both
    taken = PictureBudget(size).take(asked)
    assert len(taken) == 2 and sum(len(picture.source) for picture in taken) <= size


def titled(path, title, height=20, size=(64, 48)) -> AskedPicture:
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, pnginfo=chunks_of_title(PictureTitle(title, "a note \u03b2", height)))
    return AskedPicture(path, "text")


@pytest.mark.parametrize("size", [1_500_000, 4_000])
def test_the_title_of_a_picture_becomes_text_in_its_place(tmp_path, size):
    asked = titled(tmp_path / "a.png", "\u03b2 < 1: step 30")
    (picture,) = PictureBudget(size).take([asked])
    assert (picture.title, picture.note) == ("\u03b2 < 1: step 30", "a note \u03b2")
    assert (picture.width, picture.height) == (64, 28)
    shown = Image.open(io.BytesIO(decoded(picture)))
    if size > 10_000:
        assert np.array_equal(np.asarray(shown), np.asarray(Image.open(asked.content))[20:])


@pytest.mark.parametrize(
    ("title", "height"),
    [("", 20), (" ", 20), ("a" * 2000, 20), ("a", 0), ("a", 48), ("a", 10**9), ("a", "x"), ("a", -3)],
    ids=["none", "blank", "long", "no-height", "whole", "higher", "text", "negative"],
)
def test_a_title_that_cannot_be_is_left_in_the_picture(tmp_path, title, height):
    (picture,) = PictureBudget().take([titled(tmp_path / "a.png", title, height)])
    assert picture.title == "" and decoded(picture) == (tmp_path / "a.png").read_bytes()
