"""Masks of pictures: paired by name, cropped and mirrored with their pictures, binary, and refused otherwise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from support.messages import assert_names
from support.pictures import batch, noise_picture, write_folder, write_picture

from genkit.api import MaskedDataset
from genkit.errors import UsageError
from genkit.parts.datasets.image_folder import ImageFolder
from genkit.parts.datasets.masked_folder import MaskedFolder

pytestmark = [pytest.mark.fast, pytest.mark.usefixtures("own_cache")]

BOX = np.s_[3:9, 2:7]  # rows and columns of the abnormal pixels of all masks below


def mask_of(height: int = 12, width: int = 12, value: int = 255, box=BOX) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[box] = value
    return mask


def data_of(tmp_path, **keys) -> MaskedFolder:
    keys = {"resolution": 12, "split": "test", **keys}
    return MaskedFolder(path=tmp_path / "x", masks=tmp_path / "masks", **keys)


def folders(tmp_path, pictures: int = 4, size: int = 12, mask: np.ndarray | None = None):
    """Write pictures with a train and a test split, and a mask for each picture of the latter."""
    write_folder(tmp_path / "x" / "train", 3, size)
    write_folder(tmp_path / "x" / "test", pictures, size)
    for index in range(pictures):
        write_picture(tmp_path / "masks" / f"{index:04d}.png", mask_of(size, size) if mask is None else mask)
    return tmp_path


def test_a_mask_has_the_abnormal_pixels_of_its_picture(tmp_path):
    data = data_of(folders(tmp_path))
    found = batch(data, [2, 0])
    assert data.unmet() == () and isinstance(data, MaskedDataset)
    assert found.extra["mask"].dtype == torch.bool
    assert torch.equal(found.extra["mask"], torch.from_numpy(mask_of() > 0).expand(2, -1, -1))
    plain = ImageFolder(path=tmp_path / "x", resolution=12, split="test")
    assert torch.equal(found.x, batch(plain, [2, 0]).x)
    assert data.held_out() is data


@pytest.mark.parametrize("value", [1, 7, 255])
@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "1", "I;16"])
def test_any_value_and_any_mode_that_has_two_values_is_a_mask(tmp_path, mode, value):
    folders(tmp_path, 1)
    pixels = mask_of(value=value)
    match mode:
        case "P":
            mask = Image.fromarray(pixels).convert("P")
        case "I;16":
            mask = Image.fromarray(pixels.astype(np.uint16) * 200)
        case "1":
            mask = Image.fromarray(pixels > 0)
        case _:
            mask = Image.fromarray(pixels).convert(mode)
    mask.save(tmp_path / "masks" / "0000.png")
    assert torch.equal(batch(data_of(tmp_path), [0]).extra["mask"][0], torch.from_numpy(pixels > 0))


def test_a_mask_is_cropped_and_resized_as_its_picture(tmp_path):
    inside = np.random.default_rng(0).random((30, 40)) < 0.3  # so thin that only the nearest filter keeps it
    picture = np.repeat(inside[..., None], 3, axis=2).astype(np.uint8) * 255
    write_folder(tmp_path / "x" / "train", 1)
    write_picture(tmp_path / "x" / "test" / "a.png", picture)
    write_picture(tmp_path / "masks" / "a.png", inside.astype(np.uint8))
    for keys in ({"crop": "centre"}, {"crop": (2, 1, 38, 28)}, {"crop": "none"}, {"resolution": (30, 20)}):
        found = batch(data_of(tmp_path, filter="nearest", **keys), [0])
        assert torch.equal(found.extra["mask"][0], found.x[0, 0] > 0.5)


def test_a_mask_is_turned_upright_with_its_picture(tmp_path):
    write_folder(tmp_path / "x" / "train", 1)
    inside = mask_of(8, 14)
    turned = Image.Exif()
    turned[0x0112] = 6  # rotated by a quarter
    write_picture(tmp_path / "x" / "test" / "a.png", np.repeat(inside[..., None], 3, axis=2), exif=turned)
    write_picture(tmp_path / "masks" / "a.png", np.rot90(inside, -1).copy())
    found = batch(data_of(tmp_path, resolution=(14, 8)), [0])
    assert torch.equal(found.extra["mask"][0], found.x[0, 0] > 0.5)
    write_picture(tmp_path / "masks" / "a.png", inside, exif=turned)
    assert torch.equal(batch(data_of(tmp_path, resolution=(14, 8)), [0]).extra["mask"], found.extra["mask"])


def test_training_masks_are_mirrored_with_their_pictures(tmp_path):
    for split in ("train", "test"):
        for index in range(8):
            write_picture(tmp_path / "x" / split / f"{index}.png", np.repeat(mask_of()[..., None], 3, axis=2))
            write_picture(tmp_path / "masks" / split / f"{index}.png", mask_of())
    found = batch(data_of(tmp_path, split="train", flip=True), list(range(8)))
    assert torch.equal(found.extra["mask"], found.x[:, 0] > 0.5)
    assert found.extra["mask"].flatten(1).unique(dim=0).shape[0] == 2


def test_names_of_published_sets_and_of_sub_folders_are_paired(tmp_path):
    for name in ("cut/000", "cut/001", "good/000"):
        write_picture(tmp_path / "x" / "test" / f"{name}.png", noise_picture(12, 12))
        write_picture(tmp_path / "x" / "train" / f"{name}.png", noise_picture(12, 12))
    write_picture(tmp_path / "masks" / "cut" / "000_mask.bmp", mask_of())
    write_picture(tmp_path / "masks" / "cut" / "001.png", mask_of(box=np.s_[:2]))
    with pytest.raises(UsageError) as refused:
        batch(data_of(tmp_path), [0])
    assert_names(refused.value, "[data] masks", "1 of 3 pictures", "good/000.png")
    masks = batch(data_of(tmp_path, missing_masks="empty"), [0, 1, 2]).extra["mask"]
    assert masks.sum(dim=(1, 2)).tolist() == [30, 24, 0]


def test_pictures_and_masks_may_be_arrays(tmp_path):
    folders(tmp_path, 2)
    for name, values in (("a", mask_of() > 0), ("b", mask_of().astype(np.int16) * 3)):
        np.save(tmp_path / "x" / "test" / f"{name}.npy", noise_picture(12, 12))
        np.save(tmp_path / "masks" / f"{name}.npy", values.astype(np.uint8) if values.dtype == bool else values)
    masks = batch(data_of(tmp_path, window=(0, 255)), [0, 1, 2, 3]).extra["mask"]
    assert torch.equal(masks, torch.from_numpy(mask_of() > 0).expand(4, -1, -1))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_a_mask_may_be_an_array_while_no_levels_are_declared(tmp_path, dtype):
    folders(tmp_path, 2)
    for index in range(2):
        (tmp_path / "masks" / f"{index:04d}.png").unlink()
        np.save(tmp_path / "masks" / f"{index:04d}.npy", (mask_of() > 0).astype(dtype))
    masks = batch(data_of(tmp_path), [0, 1]).extra["mask"]
    assert torch.equal(masks, torch.from_numpy(mask_of() > 0).expand(2, -1, -1))


def test_a_picture_of_booleans_is_refused(tmp_path):
    folders(tmp_path, 2)
    np.save(tmp_path / "x" / "test" / "0001.npy", mask_of() > 0)
    data = data_of(tmp_path, window=(0, 1))
    with pytest.raises(UsageError) as refused:
        batch(data, [0])
    assert_names(refused.value, "0001.npy", "bool")


def test_a_picture_may_have_the_ending_of_masks_itself(tmp_path):
    write_folder(tmp_path / "x" / "train", 1)
    for name, box in (("a", np.s_[:1]), ("b_mask", np.s_[:2])):
        write_picture(tmp_path / "x" / "test" / f"{name}.png", noise_picture(12, 12))
        write_picture(tmp_path / "masks" / f"{name}.png", mask_of(box=box))
    assert batch(data_of(tmp_path), [0, 1]).extra["mask"].sum(dim=(1, 2)).tolist() == [12, 24]


def test_training_pictures_need_no_masks(tmp_path):
    folders(tmp_path)
    train = data_of(tmp_path, split="train")
    assert train.unmet() == () and not batch(train, [0, 1, 2]).extra["mask"].any()
    write_picture(tmp_path / "masks" / "train" / "0000.png", mask_of())
    (unmet,) = data_of(tmp_path, split="train").unmet()
    assert_names(unmet, "2 of 3 pictures", "0001.png", 'missing_masks = "empty"')
    write_picture(tmp_path / "masks" / "train" / "0000.png", mask_of())
    (tmp_path / "masks" / "train" / "0000.png").rename(tmp_path / "masks" / "train" / "other.png")
    (unmet,) = data_of(tmp_path, split="train").unmet()
    assert_names(unmet, "3 of 3 pictures")  # a folder of training masks, of which none has its picture


@pytest.mark.parametrize("by_group", [False, True])
@pytest.mark.parametrize("own_folder", ["", "x"])
def test_training_pictures_in_one_folder_with_the_test_pictures_need_no_masks(tmp_path, by_group, own_folder):
    for index in range(40):
        write_picture(tmp_path / "x" / f"{index}.png", noise_picture(12, 12, seed=index))
    rows = [f"{index}.png,g{index},{'train' if index % 4 else 'test'}" for index in range(40)]
    (tmp_path / "groups.csv").write_text("\n".join(["file,group,split", *rows]))
    keys = {"groups": tmp_path / "groups.csv"} if by_group else {"hold_out": 0.4}
    tested = ImageFolder(path=tmp_path / "x", resolution=12, split="test", **keys).source()
    for index in range(len(tested)):
        write_picture(tmp_path / "masks" / own_folder / tested.name(index), mask_of())
    train, test = (data_of(tmp_path, split=split, **keys) for split in ("train", "test"))
    assert train.unmet() == test.unmet() == ()
    assert not batch(train, list(range(train.size))).extra["mask"].any()
    assert batch(test, list(range(test.size))).extra["mask"].sum().item() == 30 * test.size

    trained = ImageFolder(path=tmp_path / "x", resolution=12, **keys).source()
    write_picture(tmp_path / "masks" / own_folder / trained.name(0), mask_of())  # now a missing one is a mistake
    (unmet,) = data_of(tmp_path, split="train", **keys).unmet()
    assert_names(unmet, f"{train.size - 1} of {train.size}", trained.name(1), 'missing_masks = "empty"')
    (tmp_path / "masks" / own_folder / trained.name(0)).unlink()
    (tmp_path / "masks" / own_folder / tested.name(0)).unlink()
    (unmet,) = data_of(tmp_path, **keys).unmet()
    assert_names(unmet, f"1 of {test.size}", tested.name(0))
    for index in range(1, len(tested)):
        (tmp_path / "masks" / own_folder / tested.name(index)).unlink()
    write_picture(tmp_path / "masks" / own_folder / "other.png", mask_of())
    (unmet,) = data_of(tmp_path, **keys).unmet()
    assert_names(unmet, f"{test.size} of {test.size}")  # only training pictures may have no mask at all


@pytest.mark.parametrize("missing", ["refuse", "empty"])
def test_a_folder_without_splits_has_one_folder_of_masks(tmp_path, missing):
    for index in range(40):
        write_picture(tmp_path / "x" / f"{index}.png", noise_picture(12, 12, seed=index))
        if index % 2 or missing == "refuse":
            write_picture(tmp_path / "masks" / f"{index}.png", mask_of())
    for split in ("train", "test"):
        data = data_of(tmp_path, split=split, hold_out=0.4, missing_masks=missing)
        assert data.unmet() == () and data.size > 5
        masks = batch(data, list(range(data.size))).extra["mask"].any(dim=2).any(dim=1)
        numbers = [int(data.paired.pictures.name(index).removesuffix(".png")) for index in range(data.size)]
        assert masks.tolist() == [missing == "refuse" or number % 2 == 1 for number in numbers]


def refused_masks(tmp_path, **keys):
    data = data_of(tmp_path, **keys)
    with pytest.raises(UsageError) as refused:
        batch(data, list(range(data.size)))
    return str(refused.value)


def test_a_mask_that_is_none_is_refused(tmp_path):
    folders(tmp_path, 5)
    write_picture(tmp_path / "masks" / "0001.png", mask_of(13, 12))
    grey = mask_of()
    grey[0, 0] = 7
    write_picture(tmp_path / "masks" / "0002.png", grey)
    (tmp_path / "masks" / "0003.png").write_bytes(b"no picture")
    Image.fromarray(np.stack([mask_of()] * 4, axis=-1)).save(tmp_path / "masks" / "0004.png")
    message = refused_masks(tmp_path)
    assert_names(message, "[data] masks", "4 of 5", "0001.png", "12 x 13", "0002.png", "2 values", "0003.png", "0004")
    assert "0000" not in message


def test_masks_that_cannot_be_paired_are_refused(tmp_path):
    folders(tmp_path)
    (tmp_path / "masks" / "0002.png").unlink()
    (unmet,) = data_of(tmp_path).unmet()
    assert_names(unmet, "[data] masks", "1 of 4", "0002.png")
    write_picture(tmp_path / "masks" / "0003.bmp", mask_of())
    assert_names(refused_masks(tmp_path), "[data] masks", "0003.png", "0003.bmp")
    (tmp_path / "masks" / "0003.bmp").unlink()
    write_picture(tmp_path / "masks" / "other.png", mask_of())
    assert_names(refused_masks(tmp_path, missing_masks="empty"), "[data] masks", "1 mask", "other.png")


def test_masks_among_the_pictures_are_refused(tmp_path):
    folders(tmp_path)
    for folder in (tmp_path / "x" / "test", write_folder(tmp_path / "x" / "test" / "below", 1)):
        (unmet,) = MaskedFolder(path=tmp_path / "x", masks=folder, resolution=12, split="test").unmet()
        assert_names(unmet, "[data] masks", folder)
    (unmet,) = MaskedFolder(path=tmp_path / "x", masks=tmp_path / "absent", resolution=12).unmet()
    assert_names(unmet, "[data] masks", tmp_path / "absent", "not found")


def test_bad_pictures_cannot_be_skipped(tmp_path):
    with pytest.raises(ValueError, match="on_bad"):
        data_of(tmp_path, on_bad="skip")
