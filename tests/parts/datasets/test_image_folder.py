"""Data sets of pictures in a folder: splits, classes, missing folders, and bad pictures."""

import numpy as np
import pytest
import torch
from PIL import Image
from support.messages import assert_names
from support.pictures import SHARED, batch, needs_shared, noise_picture, write_folder, write_picture

from genkit.errors import UsageError
from genkit.parts.datasets.celeba import CelebA
from genkit.parts.datasets.image_folder import ImageFolder
from genkit.parts.datasets.lsun import LSUN
from genkit.parts.datasets.svhn import SVHN

pytestmark = pytest.mark.usefixtures("own_cache")


def names(data):
    return [data.listed.name(index) for index in range(len(data.listed))]


def test_the_size_is_known_before_pictures_are_decoded(tmp_path):
    data = ImageFolder(path=write_folder(tmp_path / "p", 40), resolution=(4, 6), channels=1)
    assert (data.shape, data.unmet()) == ((1, 4, 6), ())
    size = data.size
    assert size + data.held_out().size == 40 and not (tmp_path / "cache").exists()
    assert batch(data, [0]).x.shape == (1, 1, 4, 6) and data.size == size


def test_a_batch_holds_the_bytes_over_255(tmp_path):
    pixels = noise_picture(4, 4)
    write_picture(tmp_path / "p" / "train" / "x.png", pixels)
    write_picture(tmp_path / "p" / "test" / "y.png", pixels)
    x = batch(ImageFolder(path=tmp_path / "p", resolution=4), [0, 0]).x
    assert torch.equal(x, torch.tensor(pixels).permute(2, 0, 1).expand(2, 3, 4, 4).float() / 255)


def test_half_of_the_training_pictures_are_flipped_at_each_step_and_no_held_out_ones(tmp_path):
    write_folder(tmp_path / "p" / "train", 1)
    write_folder(tmp_path / "p" / "test", 1)
    data = ImageFolder(path=tmp_path / "p", resolution=12, flip=True)
    plain = (torch.tensor(noise_picture(12, 12)).permute(2, 0, 1).float() / 255).expand(400, 3, 12, 12)
    assert torch.equal(batch(data.held_out(), [0] * 400).x, plain)
    x = batch(data, [0] * 400, step=3).x
    flipped = (x == plain.flip(3)).flatten(1).all(1)
    assert ((x == plain).flatten(1).all(1) ^ flipped).all() and 150 < flipped.sum() < 250
    assert torch.equal(batch(data, [0] * 400, step=3).x, x) and not torch.equal(batch(data, [0] * 400, step=4).x, x)


@pytest.mark.parametrize("test", ["test", "val", "valid", "validation", "testing"])
def test_train_and_test_folders_are_splits_with_the_same_class_numbers(tmp_path, test):
    for name in ("train/b/1.png", "train/c/1.png", f"{test}/a/1.png", f"{test}/c/1.png"):
        write_picture(tmp_path / name, noise_picture(4, 4))
    data = ImageFolder(path=tmp_path, resolution=4)
    assert (names(data), names(data.held_out())) == (["b/1.png", "c/1.png"], ["a/1.png", "c/1.png"])
    labels = [batch(split, [0, 1]).extra["label"].tolist() for split in (data, data.held_out())]
    assert labels == [[0, 1], [2, 1]]
    with pytest.raises(UsageError) as caught:
        _ = ImageFolder(path=tmp_path, resolution=4, hold_out=0.2).size
    assert_names(caught.value, "[data] hold_out", tmp_path, f"train/ and {test}/")


def test_splits_are_found_in_any_case(tmp_path):
    write_folder(tmp_path / "Train", 3)
    write_folder(tmp_path / "TEST", 2)
    data = ImageFolder(path=tmp_path, resolution=4)
    assert (data.size, data.held_out().size, data.listed.labels) == (3, 2, None)


@pytest.mark.parametrize("name", ["train", "Training", "test", "validation"])
def test_one_split_beside_other_pictures_may_be_a_class_and_is_refused(tmp_path, name):
    for folder in ("bus", "car", name):
        write_folder(tmp_path / folder, 30)
    (unmet,) = ImageFolder(path=tmp_path, resolution=4).unmet()
    assert_names(unmet, "[data] path: ", tmp_path, f"{name}/", "bus/ and car/", "rename")
    (tmp_path / name).rename(tmp_path / "truck")
    assert ImageFolder(path=tmp_path, resolution=4).source().source.classes == ("bus", "car", "truck")


def test_a_test_folder_beside_loose_pictures_is_refused(tmp_path):
    write_folder(tmp_path, 3)
    (tmp_path / "test").mkdir()
    assert ImageFolder(path=tmp_path, resolution=4, hold_out=0.5).unmet() == ()  # no pictures in it
    write_folder(tmp_path / "test", 3)
    (unmet,) = ImageFolder(path=tmp_path, resolution=4).unmet()
    assert_names(unmet, "[data] path: ", "test/", "train/")


def test_a_train_folder_beside_files_and_empty_folders_is_the_train_split(tmp_path):
    write_folder(tmp_path / "train", 20)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "all.csv").write_text("")
    data = ImageFolder(path=tmp_path, resolution=4, hold_out=0.5)
    assert data.size + data.held_out().size == 20 and data.remarks == ()


def test_pictures_that_no_split_reads_are_counted(tmp_path):
    for name, number in (("train", 2), ("test", 2), ("val", 3), ("extra/deep", 4), (".", 1)):
        write_folder(tmp_path / name, number)
    data = ImageFolder(path=tmp_path, resolution=4)
    assert data.listed.unread.pictures == {"val/": 3, "extra/": 4, "": 1}
    for split in (data, data.held_out()):
        (remark,) = split.remarks
        assert_names(remark, f"[data] {tmp_path}: 8 pictures", "extra/", "val/")
    batch(data, [0])
    assert data.remarks == data.held_out().remarks  # also when the files are no longer listed
    held_out = ImageFolder(path=tmp_path, resolution=4, hold_out=tmp_path / "extra" / "deep")
    assert held_out.listed.unread.pictures == {"val/": 3, "test/": 2, "": 1}


def test_other_files_are_named_if_they_are_more_than_the_pictures(tmp_path):
    write_folder(tmp_path, 10)

    def named() -> list[str]:  # another remark is on the share that is held out
        return [remark for remark in ImageFolder(path=tmp_path, resolution=4).remarks if ".heic" in remark]

    for number in range(10):
        (tmp_path / f"{number}.heic").write_text("")
        assert not named()
    (tmp_path / "10.heic").write_text("")
    (remark,) = named()
    assert_names(remark, tmp_path, "11 other files (.heic 11)")


def test_a_share_or_another_folder_is_held_out(tmp_path):
    write_folder(tmp_path / "p", 50)
    half = ImageFolder(path=tmp_path / "p", resolution=4, hold_out=0.5)
    assert not set(names(half)) & set(names(half.held_out())) and 15 < half.size < 35
    write_folder(tmp_path / "q", 3)
    other = ImageFolder(path=tmp_path / "p", resolution=4, hold_out=tmp_path / "q")
    assert (other.size, other.held_out().size) == (50, 3)
    (unmet,) = ImageFolder(path=tmp_path / "p", resolution=4, hold_out=tmp_path / "absent").unmet()
    assert_names(unmet, "[data] hold_out", tmp_path / "absent", "not found")


def test_on_bad_refuses_or_skips_bad_pictures(tmp_path):
    write_folder(tmp_path / "p" / "train", 3)
    write_folder(tmp_path / "p" / "test", 2)
    (tmp_path / "p" / "train" / "0001.png").write_text("no picture")
    keys = {"path": tmp_path / "p", "resolution": 4}
    assert ImageFolder(**keys).size == 3
    for _ in range(2):  # the second time from the record in the store
        with pytest.raises(UsageError, match=r"1 of 3 pictures cannot be used:\n  0001.png: not an image") as caught:
            batch(ImageFolder(**keys), [0])
        assert_names(caught.value, tmp_path / "p" / "train", "train split", 'on_bad = "skip"')
    skipping = ImageFolder(**keys, on_bad="skip")
    assert skipping.size == 2 and batch(skipping, [0, 1]).x.shape == (2, 3, 4, 4)
    assert [bad.name for bad in skipping.skipped_pictures] == ["0001.png"]
    assert skipping.sample_names() == ["0000.png", "0002.png"]


@pytest.mark.parametrize("data_set", [ImageFolder, SVHN, LSUN])
def test_the_splits_of_a_folder_are_its_sub_folders_and_hold_different_pictures(tmp_path, data_set):
    write_folder(tmp_path / "train", 3)
    write_folder(tmp_path / "test", 2, start=100)
    train = data_set(path=tmp_path, resolution=12)
    held_out = train.held_out()
    assert (train.size, held_out.size) == (3, 2)
    for data, first in ((train, 0), (held_out, 100)):
        expected = torch.tensor(noise_picture(12, 12, seed=first)).permute(2, 0, 1).float() / 255
        assert torch.equal(batch(data, [0]).x[0], expected)


@pytest.mark.parametrize("data_set", [SVHN, LSUN])
def test_without_sub_folders_a_share_of_a_published_set_is_held_out(tmp_path, data_set):
    write_folder(tmp_path, 40)
    train = data_set(path=tmp_path, resolution=4, hold_out=0.5)
    assert not set(names(train)) & set(names(train.held_out())) and train.size + train.held_out().size == 40
    assert 10 < train.size < 30 < data_set(path=tmp_path, resolution=4).size


@pytest.mark.parametrize(
    ("data_set", "remedy"),
    [
        (ImageFolder, "Give a folder of pictures"),
        (CelebA, "img_align_celeba.zip"),
        (LSUN, "LSUN scene classification"),
        (SVHN, "ufldl-stanford/svhn"),
    ],
)
def test_a_missing_folder_is_named_with_the_remedy(tmp_path, data_set, remedy):
    (unmet,) = data_set(path=tmp_path / "absent", resolution=4).unmet()
    assert_names(unmet, "[data] path", tmp_path / "absent", "not found", remedy)
    (tmp_path / "file").write_text("")
    (unmet,) = data_set(path=tmp_path / "file", resolution=4).unmet()
    assert_names(unmet, "[data] path", tmp_path / "file", "is a file", remedy)


def test_a_hub_id_is_checked_only_when_it_is_loaded(tmp_path):
    assert SVHN(hub="ufldl-stanford/svhn").unmet() == () and SVHN(path=tmp_path).shape == (3, 32, 32)


def test_exactly_one_of_path_and_hub_is_required(tmp_path):
    with pytest.raises(ValueError, match="neither path nor hub") as caught:
        LSUN(resolution=4)
    assert_names(caught.value, "pcuenq/lsun-bedrooms")
    with pytest.raises(ValueError, match="both path and hub"):
        LSUN(resolution=4, path=tmp_path, hub="x/y")


def write_celeba(folder, numbers):
    for number in numbers:
        write_picture(folder / f"{number:06d}.jpg", noise_picture(6, 5, seed=number))


def test_celeba_is_split_by_the_official_file_or_by_number(tmp_path):
    folder = tmp_path / "celeba" / "img_align_celeba"
    write_celeba(folder, [1, 162_770, 162_771, 182_637, 182_638, 202_599])
    data = CelebA(path=folder, resolution=4)
    assert names(data) == ["000001.jpg", "162770.jpg"]
    assert names(data.held_out()) == ["182638.jpg", "202599.jpg"]
    assert names(CelebA(path=folder.parent, resolution=4)) == [f"img_align_celeba/{name}" for name in names(data)]

    (folder.parent / "list_eval_partition.txt").write_text("000001.jpg 2\n162770.jpg 0\n162771.jpg 1\n")
    data = CelebA(path=folder, resolution=4)
    assert (names(data), names(data.held_out())) == (["162770.jpg"], ["000001.jpg"])
    (folder / "000001.jpg").rename(folder / "000001.png")  # as in the lossless version; the file lists .jpg
    assert names(CelebA(path=folder, resolution=4).held_out()) == ["000001.png"]
    (folder.parent / "list_eval_partition.txt").write_text("000001.jpg\n")
    (unmet,) = CelebA(path=folder, resolution=4).unmet()
    assert_names(unmet, folder.parent / "list_eval_partition.txt", "a name and 0, 1 or 2 on each line")


def test_a_part_of_celeba_and_other_faces_are_refused(tmp_path):
    write_celeba(tmp_path / "part", [1, 2])
    (unmet,) = CelebA(path=tmp_path / "part", resolution=4).held_out().unmet()
    assert_names(unmet, tmp_path / "part", "none of 2 pictures", "test split", '"image-folder"')
    write_picture(tmp_path / "other" / "me.jpg", noise_picture(4, 4))
    (unmet,) = CelebA(path=tmp_path / "other", resolution=4).unmet()
    assert_names(unmet, "me.jpg", "list_eval_partition.txt", '"image-folder"')


@needs_shared
@pytest.mark.parametrize(
    ("folder", "splits"), [("cifar10", (4000, 1000)), ("flowers128", (200, None)), ("faces128", (2000, None))]
)
def test_folders_of_photographs_are_read_completely(folder, splits):
    data = ImageFolder(path=SHARED / folder, resolution=16)
    assert data.unmet() == ()
    sizes = (data.size, data.held_out().size)
    assert sizes == splits if splits[1] else sum(sizes) == splits[0]
    if folder == "cifar10":
        assert torch.bincount(batch(data, list(range(4000))).extra["label"]).tolist() == [400] * 10


def test_a_store_that_is_cut_short_under_a_run_is_an_error_and_no_signal(tmp_path):
    data = ImageFolder(path=write_folder(tmp_path / "p", 30), resolution=4)
    batch(data, [0, 1])
    images = data.prepared.path / "images.bin"
    with images.open("r+b") as file:
        file.truncate(10)
    with pytest.raises(OSError, match="cut short") as refused:
        batch(data, [0, 1])
    assert refused.value.filename == str(images)


def test_all_missing_folders_are_reported_together(tmp_path):
    data = ImageFolder(path=tmp_path / "absent", resolution=4, hold_out=tmp_path / "gone")
    (unmet,) = data.unmet()
    assert_names(unmet, f"[data] path: folder {tmp_path}/absent", f"\n[data] hold_out: folder {tmp_path}/gone")
    assert data.held_out().unmet() == (unmet,)


def test_samples_have_the_names_of_their_files_before_and_after_they_are_read(tmp_path):
    for name in ("b", "a"):
        write_folder(tmp_path / "p" / name, 15, size=8)
    for split in ("train", "test"):
        data = ImageFolder(path=tmp_path / "p", resolution=8, split=split, store=tmp_path / "store")
        names = data.sample_names()
        assert len(names) == data.size > 0
        found = batch(data, list(range(data.size))).x
        assert data.sample_names() == names
        for name, x in zip(names, found, strict=True):
            pixels = np.asarray(Image.open(tmp_path / "p" / name).convert("RGB"))
            assert torch.equal((x * 255).round().byte(), torch.from_numpy(np.moveaxis(pixels, -1, 0).copy()))
