"""Image file formats: the accepted suffixes, and how a file is opened."""

import pytest
from PIL import Image
from support.pictures import noise_picture, write_picture

from genkit.bases.pictures import image_formats
from genkit.bases.pictures.folder_source import list_files
from genkit.bases.pictures.image_formats import OPENERS, is_image_file, open_image
from genkit.parts.datasets.image_folder import ImageFolder

GREY_ONLY = (".pbm", ".pgm")


@pytest.mark.parametrize("suffix", sorted(OPENERS))
def test_every_accepted_suffix_opens(tmp_path, suffix):
    write_picture(tmp_path / f"x{suffix}", noise_picture(8, 9, 1 if suffix in GREY_ONLY else 3))
    assert is_image_file(f"a/b{suffix}") and is_image_file(f"B{suffix.upper()}")
    with open_image(tmp_path / f"x{suffix}") as picture:
        picture.load()
        assert picture.size == (9, 8)
    assert list_files(tmp_path).name(0) == f"x{suffix}"


@pytest.mark.parametrize("name", ["notes.txt", "png", "x.png.bak", "x"])
def test_other_files_are_not_images(name):
    assert not is_image_file(name)


def test_the_content_and_not_the_suffix_decides_the_format(tmp_path):
    write_picture(tmp_path / "x.png", noise_picture(8, 9))
    for name in ("x.jpg", "x"):
        (tmp_path / name).write_bytes((tmp_path / "x.png").read_bytes())
        with open_image(tmp_path / name) as picture:
            assert picture.format == "PNG"


def test_a_new_format_needs_only_an_entry(tmp_path, monkeypatch):
    def open_dots(path):
        width, height, value = map(int, path.read_text().split())
        return Image.new("RGB", (width, height), (value,) * 3)

    monkeypatch.setattr(image_formats, "OPENERS", {**OPENERS, ".dots": open_dots})
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "x.DOTS").write_text("9 8 51")
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "y.dots").write_text("9 8 51")
    data = ImageFolder(path=tmp_path, resolution=4, store=tmp_path / "store")
    assert data.size == 1 and (data.arrays.images == 51).all()


def test_a_device_is_not_opened():
    with pytest.raises(OSError, match="device"):
        open_image("/dev/zero")
