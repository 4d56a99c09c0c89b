"""Prepared pictures: a store has every usable picture, appears complete or not at all, and is made once."""

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
from support.messages import assert_names
from support.pictures import noise_picture, write_folder, write_picture

from genkit.bases.pictures import prepare
from genkit.bases.pictures.folder_source import list_files
from genkit.bases.pictures.prepare import prepare_and_verify
from genkit.bases.pictures.threads import map_in_threads
from genkit.bases.pictures.transform import Transform
from genkit.errors import Interrupted, UsageError

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


def test_a_store_has_the_labels_of_the_usable_pictures(tmp_path, root):
    write_folder(tmp_path / "p" / "a", 3)
    write_folder(tmp_path / "p" / "b", 3)
    (tmp_path / "p" / "a" / "0001.png").write_text("no picture")
    store = made(tmp_path / "p", root)
    assert store.arrays.labels.tolist() == [0, 0, 1, 1, 1]


def test_a_store_is_made_once(folder, root, monkeypatch):
    first = made(folder, root)
    monkeypatch.setattr(prepare, "_make_store", None)
    assert made(folder, root).path == first.path


def test_another_source_or_transform_makes_another_store(folder, root):
    first = made(folder, root)
    assert made(folder, root, replace(TRANSFORM, crop="centre")).path != first.path
    write_picture(folder / "0003.png", noise_picture(9, 9, seed=99))
    changed = made(folder, root)
    assert changed.path != first.path and not np.array_equal(changed.arrays.images[3], first.arrays.images[3])
    assert len(stores(root)) == 3


def break_some(folder):
    """Put one bad picture of each kind into the folder, and return the start of the reason for each."""
    jpeg = write_picture(folder / "cut.jpg", noise_picture(64, 64), quality=95)
    jpeg.write_bytes(jpeg.read_bytes()[:900])
    (folder / "text.png").write_text("not a picture")
    (folder / "empty.gif").write_bytes(b"")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    write_picture(folder / "large.png", noise_picture(65, 65, 1))
    write_picture(folder / "vast.png", noise_picture(100, 100, 1))
    return {
        "cut.jpg": "cannot be decoded: image file is truncated",
        "empty.gif": "not an image",
        "gone.png": "file not found",
        "large.png": "more than 4,096 pixels",
        "text.png": "not an image",
        "vast.png": "more than 4,096 pixels",
    }


@pytest.mark.filterwarnings("error")
def test_bad_pictures_are_left_out_of_the_store_and_recorded(folder, root, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4096)
    whole = made(folder, root).arrays.images
    expected = break_some(folder)
    store = made(folder, root)
    assert np.array_equal(store.arrays.images, whole)
    assert {bad.name: bad.reason[: len(expected[bad.name])] for bad in store.bad} == expected


def test_an_error_lists_ten_bad_pictures_and_counts_the_others(tmp_path, root):
    folder = tmp_path / "bad"
    folder.mkdir()
    for index in range(12):
        (folder / f"{index}.png").write_text("no")
    with pytest.raises(UsageError, match="12 of 12 pictures cannot be used") as caught:
        made(folder, root)
    lines = str(caught.value).splitlines()
    assert len(lines) == 13 and lines[1].startswith("  0.png: ") and lines[11] == "  and 2 more"
    assert stores(root) == []


def test_skipping_is_advised_only_if_usable_pictures_are_left(folder, root):
    large = replace(TRANSFORM, crop=500)
    with pytest.raises(UsageError, match="70 of 70 pictures") as caught:
        made(folder, root, large)
    assert_names(caught.value, "12 x 12 pixels", "crop = 500", "[data]")
    assert "on_bad" not in str(caught.value)


def test_pictures_of_different_sizes_get_one_size(tmp_path, root):
    for index, size in enumerate([(1, 2), (300, 2), (5, 90)]):
        write_picture(tmp_path / "p" / f"{index}.png", noise_picture(*size))
    assert made(tmp_path / "p", root).arrays.images.shape == (3, 3, 8, 8)


def test_a_full_disk_is_reported_and_leaves_no_store(folder, root, monkeypatch):
    def full(file, array):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(prepare, "_write", full)
    with pytest.raises(UsageError) as caught:
        made(folder, root)
    assert_names(caught.value, f"[data] {root}: ", "disk is full", "13.4 kB", "GENKIT_CACHE", "store = PATH")
    assert stores(root) == []


def test_a_disk_without_enough_space_is_reported_before_decoding(folder, root, monkeypatch):
    monkeypatch.setattr(prepare.shutil, "disk_usage", lambda path: type("", (), {"free": 70 * 192 - 1}))
    monkeypatch.setattr(prepare, "_fill", None)
    with pytest.raises(UsageError, match="the disk is full"):
        made(folder, root)


def test_a_folder_that_cannot_be_written_is_named(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written") as caught:
        made(folder, tmp_path / "file" / "cache")
    assert_names(caught.value, f"[data] {tmp_path / 'file' / 'cache'}: ", "GENKIT_CACHE")


def test_an_interrupt_leaves_no_store_and_says_how_to_continue(folder, root, monkeypatch):
    def interrupted(file, array):
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "_write", interrupted)
    with pytest.raises(Interrupted, match="[Tt]he same command"):
        made(folder, root)
    assert stores(root) == []


def test_a_source_that_changes_during_preparation_makes_no_store(folder, root, monkeypatch):
    def fill(*arguments):
        filling(*arguments)
        write_folder(folder, 1, start=70)

    filling = prepare._fill
    monkeypatch.setattr(prepare, "_fill", fill)
    with pytest.raises(UsageError, match="changed while") as caught:
        made(folder, root)
    assert_names(caught.value, f"[data] {folder}: ")
    assert stores(root) == []


@pytest.mark.trains
def test_leftovers_of_killed_processes_are_deleted_and_stores_in_progress_are_kept(folder, root):
    started = f"""
import os, sys
from pathlib import Path
from genkit.bases.pictures import prepare
from genkit.bases.pictures.folder_source import list_files
from genkit.bases.pictures.transform import Transform
prepare._flush_to_disk = lambda file: (file.flush(), os._exit(9))  # as a kill, with an incomplete store
prepare.prepare(lambda: list_files(Path({str(folder)!r})), Transform(8, 8, 3), Path({str(root)!r}))
"""
    assert subprocess.run([sys.executable, "-c", started], timeout=900).returncode == 9
    (left,) = stores(root)
    assert left.endswith(".partial")

    # The pictures of the killed process are prepared again. The store of another process, which holds its lock, stays.
    in_progress = [".0123.partial", "0123.partial"]  # the second name is that of earlier versions
    for name in in_progress:
        (root / name).mkdir()
    with FileLock(root / "0123.lock"):
        store = made(folder, root)
    assert stores(root) == sorted([*in_progress, store.path.name])
    made(write_folder(folder.parent / "other", 2), root)
    assert not set(in_progress) & set(stores(root))


def test_leftovers_that_cannot_be_deleted_are_left(folder, root):
    (root / ".0123.partial").mkdir(parents=True)
    (root / "0123.lock").mkdir()  # raises OSError for the lock, as the file of another user does
    store = made(folder, root)
    assert stores(root) == sorted([".0123.partial", "0123.lock", store.path.name])


def test_several_threads_make_one_store(folder, root, monkeypatch):
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
    ("damage", "names"),
    [
        (lambda path: (path / "images.bin").write_bytes(b"short"), ("images.bin has 5 bytes", "13,440")),
        (lambda path: (path / "images.bin").unlink(), ("images.bin has 0 bytes",)),
        (lambda path: (path / "about.json").write_text("{"), ("about.json cannot be read",)),
        (lambda path: (path / "about.json").unlink(), ("about.json cannot be read",)),
    ],
)
def test_a_damaged_store_is_named_and_is_made_again_by_prepare_and_verify(folder, root, damage, names):
    whole = made(folder, root)
    images = np.array(whole.arrays.images)
    damage(whole.path)
    with pytest.raises(UsageError, match="damaged") as caught:
        _ = made(folder, root).arrays
    assert_names(caught.value, f"[data] {whole.path}: ", *names, "genkit data prepare")
    again = prepare_and_verify(lambda: list_files(folder), TRANSFORM, root)
    assert np.array_equal(again.arrays.images, images)


def test_a_changed_byte_is_found_by_verify(folder, root):
    store = made(folder, root)
    content = bytearray((store.path / "images.bin").read_bytes())
    content[7] ^= 1
    (store.path / "images.bin").write_bytes(content)
    with pytest.raises(UsageError, match="images.bin has changed"):
        store.verify()
    prepare_and_verify(lambda: list_files(folder), TRANSFORM, root).verify()


def test_map_in_threads_keeps_the_order_and_raises_an_error_of_a_thread():
    assert list(map_in_threads(lambda item: item * item, range(100), workers=7)) == [n * n for n in range(100)]
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda item: 1 // item, [1, 0, 1], workers=2))
