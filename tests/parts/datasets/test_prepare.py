"""A store holds what the source and the transform say, appears whole or not at all, and is made once."""

import errno
import os
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image
from support.pictures import noise_picture, write_folder, write_picture

from genkit.errors import Interrupted, UsageError
from genkit.parts.datasets.pictures import decode, prepare
from genkit.parts.datasets.pictures.folder_source import list_files
from genkit.parts.datasets.pictures.prepare import remake
from genkit.parts.datasets.pictures.transform import Transform

TRANSFORM = Transform(8, 8, 3)


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "pictures", 70)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache"


def made(folder, root, transform=TRANSFORM):
    return prepare.prepare(lambda: list_files(folder), transform, root)


def stores(root):
    return sorted(path.name for path in root.iterdir() if path.is_dir())


def test_a_store_holds_every_picture_in_order(folder, root):
    store = made(folder, root)
    files = list_files(folder)
    expected = [TRANSFORM(files.picture(index)) for index in range(70)]
    assert np.array_equal(store.arrays.images, expected) and store.arrays.labels is None
    assert isinstance(store.arrays.images, np.memmap) and not store.arrays.images.flags.writeable
    store.verify()


def test_labels_are_kept_for_the_pictures_that_are(tmp_path, root):
    write_folder(tmp_path / "p" / "a", 3)
    write_folder(tmp_path / "p" / "b", 3)
    (tmp_path / "p" / "a" / "0001.png").write_text("no picture")
    store = made(tmp_path / "p", root)
    assert store.arrays.labels.tolist() == [0, 0, 1, 1, 1]


def test_it_is_made_once(folder, root, monkeypatch):
    first = made(folder, root)
    monkeypatch.setattr(prepare, "_make", None)
    assert made(folder, root).path == first.path


def test_another_source_or_transform_is_another_store(folder, root):
    first = made(folder, root)
    assert made(folder, root, replace(TRANSFORM, crop="centre")).path != first.path
    write_picture(folder / "0003.png", noise_picture(9, 9, seed=99))
    changed = made(folder, root)
    assert changed.path != first.path and not np.array_equal(changed.arrays.images[3], first.arrays.images[3])
    assert len(stores(root)) == 3


def break_some(folder):
    """Put one bad picture of each kind into the folder, and return what is said of each."""
    jpeg = write_picture(folder / "cut.jpg", noise_picture(64, 64), quality=95)
    jpeg.write_bytes(jpeg.read_bytes()[:900])
    (folder / "text.png").write_text("this is no picture")
    (folder / "empty.gif").write_bytes(b"")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    write_picture(folder / "large.png", noise_picture(65, 65, 1))
    write_picture(folder / "vast.png", noise_picture(100, 100, 1))
    return {
        "cut.jpg": "cannot be decoded: image file is truncated",
        "empty.gif": "is no picture that Pillow knows",
        "gone.png": "is no longer there",
        "large.png": "has more than 4,096 pixels, which Pillow takes for a decompression bomb",
        "text.png": "is no picture that Pillow knows",
        "vast.png": "has more than 4,096 pixels, which Pillow takes for a decompression bomb",
    }


@pytest.mark.filterwarnings("error")
def test_bad_pictures_are_named_and_left_out_and_the_rest_is_whole(folder, root, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4096)
    whole = made(folder, root).arrays.images
    expected = break_some(folder)
    store = made(folder, root)
    assert np.array_equal(store.arrays.images, whole)
    assert {bad.name: bad.reason[: len(expected[bad.name])] for bad in store.bad} == expected


def test_an_error_names_ten_and_counts_the_rest(tmp_path, root):
    folder = tmp_path / "bad"
    folder.mkdir()
    for index in range(12):
        (folder / f"{index}.png").write_text("no")
    with pytest.raises(UsageError, match="12 of 12 pictures cannot be used") as caught:
        made(folder, root)
    lines = str(caught.value).splitlines()
    assert len(lines) == 13 and lines[11] == "  and 2 more"
    assert stores(root) == []


def test_to_go_without_them_is_advised_only_where_some_are_left(folder, root):
    large = replace(TRANSFORM, crop=500)
    with pytest.raises(UsageError, match=r"has 12 x 12 pixels, too few for crop = 500\n") as caught:
        made(folder, root, large)
    assert str(caught.value).endswith(
        "None is left to go on with: mend the pictures, or the keys of [data] that do not fit them."
    )


def test_mixed_sizes_become_one(tmp_path, root):
    for index, size in enumerate([(1, 2), (300, 2), (5, 90)]):
        write_picture(tmp_path / "p" / f"{index}.png", noise_picture(*size))
    assert made(tmp_path / "p", root).arrays.images.shape == (3, 3, 8, 8)


def test_a_full_disk_is_told_and_leaves_nothing(folder, root, monkeypatch):
    def full(file, array):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(prepare, "_write", full)
    with pytest.raises(
        UsageError, match=r"cache: .*the disk is full \(.*B free in .*\), and they take 13.4 kB. Set GENKIT_CACHE"
    ):
        made(folder, root)
    assert stores(root) == []


def test_a_disk_that_would_become_full_is_told_before(folder, root, monkeypatch):
    monkeypatch.setattr(prepare.shutil, "disk_usage", lambda path: type("", (), {"free": 70 * 192 - 1}))
    monkeypatch.setattr(prepare, "_fill", None)
    with pytest.raises(UsageError, match="the disk is full"):
        made(folder, root)


def test_a_folder_that_cannot_be_written_is_told(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"prepared pictures cannot be written: .* Set GENKIT_CACHE"):
        made(folder, tmp_path / "file" / "cache")


def test_who_interrupts_is_told_what_happens_next(folder, root, monkeypatch):
    def interrupted(file, array):
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "_write", interrupted)
    with pytest.raises(Interrupted, match="the same command begins with that again"):
        made(folder, root)
    assert stores(root) == []


def test_a_source_that_changes_meanwhile_makes_no_store(folder, root, monkeypatch):
    def fill(*arguments):
        filling(*arguments)
        write_folder(folder, 1, start=70)

    filling = prepare._fill
    monkeypatch.setattr(prepare, "_fill", fill)
    with pytest.raises(UsageError, match="changed while its pictures were prepared"):
        made(folder, root)
    assert stores(root) == []


def test_what_a_killed_process_leaves_is_cleared_and_no_process_at_work_is_disturbed(folder, root):
    started = f"""
import os, sys
from pathlib import Path
from genkit.parts.datasets.pictures import prepare
from genkit.parts.datasets.pictures.folder_source import list_files
from genkit.parts.datasets.pictures.transform import Transform
prepare._settle = lambda file: (file.flush(), os._exit(9))  # as a kill would, with the pictures half written
prepare.prepare(lambda: list_files(Path({str(folder)!r})), Transform(8, 8, 3), Path({str(root)!r}))
"""
    assert subprocess.run([sys.executable, "-c", started], timeout=120).returncode == 9
    (left,) = stores(root)
    assert left.endswith(".partial")

    # The same pictures are prepared afresh; those of another process, which holds its lock, stay.
    (root / "0123.partial").mkdir()
    with FileLock(root / "0123.lock"):
        store = made(folder, root)
    assert stores(root) == ["0123.partial", store.path.name]
    made(write_folder(folder.parent / "other", 2), root)
    assert "0123.partial" not in stores(root)


def test_two_at_once_make_one_store(folder, root, monkeypatch):
    fills, filling = [], prepare._fill
    monkeypatch.setattr(prepare, "_fill", lambda *arguments: (fills.append(1), filling(*arguments)))
    found = []
    threads = [threading.Thread(target=lambda: found.append(made(folder, root).path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1 and len(fills) == 1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "images.bin").write_bytes(b"short"), r"images.bin has 5 bytes, expected 13,440"),
        (lambda path: (path / "images.bin").unlink(), "images.bin has 0 bytes"),
        (lambda path: (path / "about.json").write_text("{"), r"about.json cannot be read"),
        (lambda path: (path / "about.json").unlink(), r"about.json cannot be read"),
    ],
)
def test_a_damaged_store_is_told_and_made_anew_when_asked(folder, root, damage, message):
    whole = made(folder, root)
    images = np.array(whole.arrays.images)
    damage(whole.path)
    with pytest.raises(UsageError, match=message + ".*`genkit data prepare RECIPE` makes it anew"):
        _ = made(folder, root).arrays
    assert np.array_equal(remake(lambda: list_files(folder), TRANSFORM, root).arrays.images, images)


def test_a_byte_that_has_changed_is_found_by_reading_all(folder, root):
    store = made(folder, root)
    content = bytearray((store.path / "images.bin").read_bytes())
    content[7] ^= 1
    (store.path / "images.bin").write_bytes(content)
    with pytest.raises(UsageError, match="images.bin has changed since it was written"):
        store.verify()


def test_the_order_is_kept_by_many_threads_and_an_error_of_one_is_raised():
    assert list(decode.in_order(lambda item: item * item, range(100), workers=7)) == [n * n for n in range(100)]
    with pytest.raises(ZeroDivisionError):
        list(decode.in_order(lambda item: 1 // item, [1, 0, 1], workers=2))
