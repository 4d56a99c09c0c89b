"""Source of a folder: its pictures, their order, its digest, and the split by name."""

import os
import re

import pytest
from support.messages import assert_names
from support.pictures import noise_picture, write_folder, write_picture

from genkit.bases.pictures.folder_source import list_files
from genkit.bases.pictures.source import is_held_out, split_by_name
from genkit.errors import UsageError


def names(source):
    return [source.name(index) for index in range(len(source))]


def test_pictures_in_sub_folders_are_listed_in_natural_order(tmp_path):
    for name in ("10.png", "9.PNG", "b/2.png", "b/1.jpeg", "a/x/y.webp"):
        write_picture(tmp_path / name, noise_picture(4, 4))
    for name in ("notes.txt", ".DS_Store", "b/._1.png", ".thumbs/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no picture")
    files = list_files(tmp_path)
    assert names(files) == ["9.PNG", "10.png", "a/x/y.webp", "b/1.jpeg", "b/2.png"]
    assert files.others == {".txt": 1}


def test_sub_folders_are_classes_if_every_picture_is_in_one(tmp_path):
    for name in ("cat/1.png", "dog/1.png", "cat/2.png"):
        write_picture(tmp_path / name, noise_picture(4, 4))
    files = list_files(tmp_path)
    assert (files.classes, files.labels.tolist()) == (("cat", "dog"), [0, 0, 1])
    write_picture(tmp_path / "stray.png", noise_picture(4, 4))
    assert list_files(tmp_path).labels is None


def test_classes_are_the_sub_folders_with_pictures_whatever_the_order_of_the_directory(tmp_path):
    for place, order in enumerate((("1", "01", "a"), ("a", "01", "1"))):
        for name in order:
            write_folder(tmp_path / str(place) / name, 1)
        for name in ("0-empty", "0-text/deep", "__MACOSX"):
            (tmp_path / str(place) / name).mkdir(parents=True)
        (tmp_path / str(place) / "0-text" / "deep" / "notes.txt").write_text("")
        write_folder(tmp_path / str(place) / "__MACOSX", 1)
        files = list_files(tmp_path / str(place))
        assert names(files) == ["01/0000.png", "1/0000.png", "a/0000.png"]
        assert (files.classes, files.labels.tolist()) == (("01", "1", "a"), [0, 1, 2])


def test_a_folder_of_a_run_is_not_read(tmp_path):
    write_folder(tmp_path / "cat", 2)
    write_folder(tmp_path / "runs" / "0001-x" / "samples", 3)
    write_folder(tmp_path / "cat" / "final", 1)  # a copied model folder
    for name in ("runs/0001-x/recipe.resolved.toml", "cat/final/about.json", "cat/final/model.safetensors"):
        (tmp_path / name).write_text("")
    files = list_files(tmp_path)
    assert names(files) == ["cat/0000.png", "cat/0001.png"] and files.classes == ("cat",) and not files.others
    assert len(list_files(tmp_path / "runs" / "0001-x" / "samples")) == 3  # where it is asked for
    with pytest.raises(UsageError) as caught:
        list_files(tmp_path / "runs" / "0001-x", place="--data")
    assert_names(caught.value, f"--data {tmp_path}/runs/0001-x", "run")


def test_links_to_what_is_not_a_file_are_not_read(tmp_path):
    write_folder(tmp_path, 1)
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "broken.png").symlink_to(tmp_path / "absent")
    files = list_files(tmp_path)
    assert names(files) == ["0000.png", "broken.png"] and files.digest()


def test_links_are_followed_except_to_a_folder_above(tmp_path):
    write_folder(tmp_path / "a", 2)
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert names(list_files(tmp_path)) == ["a/0000.png", "a/0001.png", "b/0000.png", "b/0001.png"]


@pytest.mark.parametrize(("others", "found"), [([], "no picture."), (["a.txt", "b.txt"], "no picture among 2 files")])
def test_a_folder_without_pictures_is_refused_with_the_accepted_suffixes(tmp_path, others, found):
    for name in others:
        (tmp_path / name).write_text("")
    with pytest.raises(UsageError) as caught:
        list_files(tmp_path)
    assert_names(caught.value, f"[data] {tmp_path}: ", found, ".jpg", ".png", ".webp")


def test_the_digest_depends_on_the_files_and_not_on_the_folder(tmp_path):
    folder = write_folder(tmp_path / "a", 3)
    digest = list_files(folder).digest()
    assert list_files(folder).digest() == digest
    assert list_files(folder.rename(tmp_path / "b")).digest() == digest
    folder = tmp_path / "b"

    status = (folder / "0001.png").stat()
    os.utime(folder / "0001.png", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    touched = list_files(folder).digest()
    write_folder(folder, 1, start=3)
    added = list_files(folder).digest()
    (folder / "0003.png").rename(folder / "0004.png")
    assert len({digest, touched, added, list_files(folder).digest()}) == 4


def test_the_digest_differs_for_equal_names_sizes_and_times_with_other_content(tmp_path):
    digests = []
    for seed in (1, 2):
        path = write_picture(tmp_path / str(seed) / "0.bmp", noise_picture(8, 8, seed=seed))
        os.utime(path, ns=(0, 0))
        digests.append(list_files(path.parent).digest())
    assert digests[0] != digests[1]


def test_the_digest_reads_little_of_a_huge_file(tmp_path):
    write_folder(tmp_path, 1)
    (tmp_path / "huge.png").touch()
    os.truncate(tmp_path / "huge.png", 2**40)
    assert list_files(tmp_path).digest()


def test_whether_a_picture_is_held_out_depends_only_on_its_name(tmp_path):
    files = list_files(write_folder(tmp_path, 60))
    train, test = (set(names(split_by_name(files, split, 0.25))) for split in ("train", "test"))
    assert not train & test and train | test == set(names(files)) and 5 <= len(test) <= 25
    write_folder(tmp_path, 20, start=60)
    more = set(names(split_by_name(list_files(tmp_path), "test", 0.25)))
    assert test <= more and not train & more


def test_about_the_given_share_of_names_is_held_out():
    assert sum(is_held_out(f"{number}.jpg", 0.1) for number in range(10_000)) == pytest.approx(1000, abs=90)


def test_one_picture_cannot_be_split(tmp_path):
    files = list_files(write_folder(tmp_path, 1))
    for share in (0.1, 0.5, 0.9):
        with pytest.raises(UsageError) as caught:
            for split in ("train", "test"):
                split_by_name(files, split, share)
        assert_names(caught.value, tmp_path, "1 picture ", f"{share:g}", "Add pictures")
        assert "hold_out =" not in str(caught.value)  # no share would leave a picture in both splits


def test_the_advised_share_leaves_neither_split_empty(tmp_path):
    files = list_files(write_folder(tmp_path, 3))
    with pytest.raises(UsageError, match="test split is empty") as caught:
        split_by_name(files, "test", 0.001)
    share = float(re.search(r"hold_out = (0\.\d),", str(caught.value))[1])
    assert all(len(split_by_name(files, split, share)) for split in ("train", "test"))
