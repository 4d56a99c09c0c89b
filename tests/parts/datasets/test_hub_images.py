"""Pictures of the `datasets` library, read from folders that it saved."""

import numpy as np
import pytest
import torch
from PIL import Image
from support.messages import assert_names
from support.pictures import batch, noise_picture

from genkit.bases.pictures.hf_datasets import open_table
from genkit.bases.pictures.inspect_pictures import inspect_pictures
from genkit.bases.pictures.source import is_held_out, whole_source
from genkit.errors import UsageError
from genkit.parts.datasets.hub_images import HubImages
from genkit.parts.datasets.hub_stream import HubStream
from genkit.parts.datasets.mnist import MNIST
from genkit.parts.datasets.svhn import SVHN

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(autouse=True)
def hub_cache(tmp_path, monkeypatch):
    """Keep what the library prepares out of the user's cache."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub-cache")


def table(count, seed=0, size=6, labels=True):
    import datasets

    pictures = [Image.fromarray(noise_picture(size + index % 2, size, seed=seed + index)) for index in range(count)]
    features = {"image": datasets.Image()}
    columns = {"image": pictures}
    if labels:
        features["kind"], columns["kind"] = datasets.ClassLabel(num_classes=3), [index % 3 for index in range(count)]
    return datasets.Dataset.from_dict(columns, datasets.Features(features))


def save(folder, **splits):
    import datasets

    datasets.DatasetDict(splits).save_to_disk(folder)
    return str(folder)


def test_a_saved_set_is_prepared_with_its_splits_and_labels(tmp_path):
    data = HubImages(hub=save(tmp_path / "s", train=table(5), test=table(3, seed=9)), resolution=6)
    assert (data.unmet(), data.size, data.held_out().size, data.shape) == ((), 5, 3, (3, 6, 6))
    samples = batch(data, [0, 4])
    assert torch.equal(samples.x[0], torch.tensor(noise_picture(6, 6, seed=0)).permute(2, 0, 1).float() / 255)
    assert samples.extra["label"].tolist() == [0, 1]
    assert torch.equal(
        batch(data.held_out(), [0]).x[0], torch.tensor(noise_picture(6, 6, seed=9)).permute(2, 0, 1).float() / 255
    )


def test_pictures_of_16_bits_take_a_window(tmp_path):
    import datasets

    values = np.arange(36, dtype=np.uint16).reshape(6, 6) * 1000
    columns = {"image": [Image.fromarray(values)] * 2}
    rows = datasets.Dataset.from_dict(columns, datasets.Features({"image": datasets.Image()}))
    hub = save(tmp_path / "s", train=rows, test=rows)
    x = batch(HubImages(hub=hub, resolution=6, channels=1, window=(2000, 32000)), [0]).x
    expected = np.rint(((values.astype(float) - 2000) / 30000).clip(0, 1) * 65535) / 65535
    assert np.allclose(x[0, 0].numpy(), expected, atol=1e-7)


def test_a_folder_of_parquet_files_is_prepared(tmp_path):
    (tmp_path / "p").mkdir()
    table(30).to_parquet(tmp_path / "p" / "train.parquet")
    data = HubImages(hub=str(tmp_path / "p"), resolution=6, hold_out=0.5)
    assert data.size + data.held_out().size == 30 and batch(data, [0]).x.shape == (1, 3, 6, 6)
    again = HubImages(hub=str(tmp_path / "p"), resolution=6, hold_out=0.5)
    assert again.listed.digest() == data.source().digest()


def test_the_held_out_split_is_a_named_split_or_a_share(tmp_path):
    hub = save(tmp_path / "s", train=table(40), validation=table(2), extra=table(4))
    assert HubImages(hub=hub, resolution=4).held_out().size == 2
    assert HubImages(hub=hub, resolution=4, hold_out="extra").held_out().size == 4
    with pytest.raises(UsageError) as caught:
        _ = HubImages(hub=hub, resolution=4, hold_out=0.3).size
    assert_names(caught.value, "[data] hold_out", hub, "'validation'", "train, validation, extra")
    hub = save(tmp_path / "t", train=table(40))
    data = HubImages(hub=hub, resolution=4)
    assert data.size + data.held_out().size == 40 and data.held_out().size > 0


def with_patients(rows, patients, seed=0):
    return table(rows, seed).add_column("patient", [patients[index % len(patients)] for index in range(rows)])


def groups_in(data):
    """Return the groups of a split; they must be those of the rows of its table."""
    column = whole_source(data.source()).table["patient"]
    rows = [int(data.source().name(index).split()[-1]) for index in range(data.size)]
    assert data.sample_groups() == [str(column[row]) for row in rows]
    return set(data.sample_groups())


@pytest.mark.parametrize(
    "patients", [[f"patient {number}" for number in range(9)], list(range(7))], ids=["text", "int"]
)
def test_a_column_of_groups_keeps_each_of_them_in_one_split(tmp_path, patients):
    hub = save(tmp_path / "s", train=with_patients(40, patients))
    data = HubImages(hub=hub, resolution=4, groups="patient", hold_out=0.3)
    held_out = data.held_out()
    assert data.size + held_out.size == 40
    assert groups_in(held_out) == {str(each) for each in patients if is_held_out(str(each), 0.3)} != set()
    assert groups_in(data) | groups_in(held_out) == set(map(str, patients)) and not groups_in(data) & groups_in(
        held_out
    )
    plain = HubImages(hub=hub, resolution=4, hold_out=0.3)
    assert plain.sample_groups() == [] and plain.source().digest() != data.source().digest()
    assert data.remarks == ()  # nothing is loaded for it
    batch(data, [0])
    assert_names(data.remarks[0], "[data] groups column 'patient'", f"{data.size} pictures")


def test_named_splits_of_a_hub_may_share_no_group(tmp_path):
    train = with_patients(6, ["anna", "ben"])
    hub = save(tmp_path / "s", train=train, test=with_patients(4, ["cora"], seed=9), extra=with_patients(2, ["ben"]))
    data = HubImages(hub=hub, resolution=4, groups="patient")
    assert (groups_in(data), groups_in(data.held_out())) == ({"anna", "ben"}, {"cora"})
    assert (data.size, data.held_out().size) == (6, 4)
    with pytest.raises(UsageError) as caught:
        _ = HubImages(hub=hub, resolution=4, groups="patient", hold_out="extra").size
    assert_names(caught.value, "[data] groups: column 'patient'", "'train'", "'extra'", "ben")


@pytest.mark.parametrize(
    ("column", "names"),
    [
        ("patien", ("no column 'patien'", "image, kind, patient, share")),
        ("share", ("column 'share'", "train row 0 (0.5)")),
        ("patient", ("column 'patient'", "train row 1 (None)", "train row 3 ('')")),
        ("image", ("column 'image'", "train row 0")),
    ],
)
def test_a_column_that_names_no_groups_is_refused(tmp_path, column, names):
    rows = table(4).add_column("patient", ["anna", None, "ben", ""]).add_column("share", [0.5] * 4)
    hub = save(tmp_path / "s", train=rows, test=rows)
    for data in (HubImages(hub=hub, resolution=4, groups=column, hold_out=hold_out) for hold_out in (None, "test")):
        with pytest.raises(UsageError) as caught:
            data.source()
        assert_names(caught.value, "[data] ", *names)
        assert len(str(caught.value)) < 400


def test_splits_that_are_not_read_are_reported(tmp_path):
    hub = save(tmp_path / "s", train=table(4), test=table(2), validation=table(2, seed=5), extra=table(2, seed=9))
    data = HubImages(hub=hub, resolution=4)
    report = inspect_pictures(data, {})
    assert report.unread_splits == report.as_dict()["unread_splits"] == ["validation", "extra"]
    other = HubImages(hub=hub, resolution=4, hold_out="extra").held_out()
    assert inspect_pictures(other, {}).unread_splits == ["test", "validation"]


def test_a_picture_that_cannot_be_decoded_is_named_by_its_row(tmp_path):
    import datasets

    encoded = table(4, labels=False).cast_column("image", datasets.Image(decode=False))[:]["image"]
    encoded[2]["bytes"] = b"no picture"
    encoded[3] = None
    broken = datasets.Dataset.from_dict({"image": encoded}, datasets.Features({"image": datasets.Image()}))
    hub = save(tmp_path / "s", train=broken, test=table(1))
    with pytest.raises(UsageError, match=r"2 of 4 pictures .*\n  row 2: not an image .*\n  row 3: no image data\n"):
        batch(HubImages(hub=hub, resolution=4), [0])
    assert HubImages(hub=hub, resolution=4, on_bad="skip").size == 2


def test_the_column_is_a_key_if_several_columns_have_pictures(tmp_path):
    import datasets

    two = datasets.concatenate_datasets([table(3), table(3, labels=False).rename_column("image", "other")], axis=1)
    hub = save(tmp_path / "s", train=two, test=two)
    with pytest.raises(UsageError) as caught:
        _ = HubImages(hub=hub, resolution=4).size
    assert_names(caught.value, hub, "found image, other", "Set column")
    assert HubImages(hub=hub, resolution=4, column="other").size == 3
    with pytest.raises(UsageError) as caught:
        _ = HubImages(hub=hub, resolution=4, column="kind").size
    assert_names(caught.value, hub, "column 'kind'", "found none among image")


def test_a_missing_or_empty_folder_is_named(tmp_path):
    (unmet,) = HubImages(hub=str(tmp_path / "absent"), resolution=4).unmet()
    assert_names(unmet, "[data] hub", tmp_path / "absent", "not found", "OWNER/NAME")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError) as caught:
        _ = HubImages(hub=str(tmp_path / "empty"), resolution=4).size
    assert_names(caught.value, "[data] hub", tmp_path / "empty", "cannot be loaded", "load_from_disk")
    assert HubImages(hub="someone/something", resolution=4).unmet() == ()


@pytest.mark.parametrize("name", ["faces[64]", "face?6", "*"])
@pytest.mark.parametrize("data_set", [HubImages, HubStream, MNIST])
def test_a_folder_whose_name_is_a_pattern_is_refused_beside_a_folder_that_fits(tmp_path, name, data_set):
    for folder in (name, "faces6"):
        (tmp_path / folder).mkdir()
        table(3).to_parquet(tmp_path / folder / "train.parquet")
    keys = {} if data_set is MNIST else {"resolution": 4}
    (unmet,) = data_set(hub=str(tmp_path / name), **keys).unmet()
    assert_names(unmet, "[data] hub", tmp_path / name, "Rename")
    with pytest.raises(UsageError) as caught:
        open_table(str(tmp_path / name), "train")
    assert_names(caught.value, "[data] hub", tmp_path / name)
    assert len(open_table(save(tmp_path / "saved" / name, train=table(2)), "train")) == 2  # opened by its name


def test_a_file_whose_name_is_a_pattern_is_refused(tmp_path):
    for number, name in enumerate(("train[1].parquet", "train1.parquet", ".part[1]"), start=2):
        (tmp_path / "p" / "data").mkdir(parents=True, exist_ok=True)
        table(number).to_parquet(tmp_path / "p" / "data" / name)
    (unmet,) = HubImages(hub=str(tmp_path / "p"), resolution=4).unmet()
    assert_names(unmet, "[data] hub", tmp_path / "p" / "data" / "train[1].parquet", "Rename")
    (tmp_path / "p" / "data" / "train[1].parquet").unlink()
    assert HubImages(hub=str(tmp_path / "p"), resolution=4).unmet() == ()


def test_a_folder_with_a_run_is_refused(tmp_path):
    (tmp_path / "p" / "runs" / "0001-x").mkdir(parents=True)
    table(3).to_parquet(tmp_path / "p" / "train.parquet")
    assert HubImages(hub=str(tmp_path / "p"), resolution=4).unmet() == ()
    (tmp_path / "p" / "runs" / "0001-x" / "recipe.resolved.toml").write_text("")
    (unmet,) = HubImages(hub=str(tmp_path / "p"), resolution=4).unmet()
    assert_names(unmet, "[data] hub", tmp_path / "p" / "runs" / "0001-x", "Move")


def test_a_folder_whose_name_is_an_address_is_refused(tmp_path):
    save(tmp_path / "a", train=table(1), test=table(1))
    hub = save(tmp_path / "b", train=table(2), test=table(2))
    (tmp_path / "b").rename(tmp_path / "a::b")  # the library would open `a`
    (unmet,) = HubImages(hub=hub.replace("/b", "/a::b"), resolution=4).unmet()
    assert_names(unmet, "[data] hub", tmp_path / "a::b", "Rename")


def test_a_published_set_is_read_from_a_folder_of_the_library(tmp_path):
    hub = save(tmp_path / "s", train=table(2, size=32), test=table(2, size=32))
    assert batch(SVHN(hub=hub), [0, 1]).x.shape == (2, 3, 32, 32)


def test_labels_in_a_plain_column_are_read(tmp_path):
    plain = table(3, labels=False).add_column("label", [7, 8, 9])
    data = HubImages(hub=save(tmp_path / "s", train=plain, test=plain), resolution=4)
    assert batch(data, [2, 0]).extra["label"].tolist() == [9, 7]
    assert np.array_equal(data.arrays.labels, [7, 8, 9])


@pytest.mark.parametrize("labels", [["a", "b", "c"], [1, None, 2]])
def test_labels_that_are_texts_or_incomplete_are_left_out(tmp_path, labels):
    plain = table(3, labels=False).add_column("label", labels)
    data = HubImages(hub=save(tmp_path / "s", train=plain, test=plain), resolution=4)
    assert batch(data, [0]).extra == {}


def test_the_configuration_of_a_published_set_is_that_of_its_hub_id_and_not_of_a_folder(tmp_path, monkeypatch):
    """A folder of parquet files has no configuration of this name, and the library would refuse it."""
    (tmp_path / "p").mkdir()
    for split, count in (("train", 4), ("test", 2)):
        table(count, size=32).to_parquet(tmp_path / "p" / f"{split}.parquet")
    data = SVHN(hub=str(tmp_path / "p"))
    assert (data.size, data.held_out().size) == (4, 2)

    asked = []
    monkeypatch.setattr("genkit.bases.datasets.folder_or_hub.split_of_hub", lambda *given: asked.append(given))
    SVHN(hub="ufldl-stanford/svhn").source()
    assert asked == [("ufldl-stanford/svhn", "train", "cropped_digits", None, None)]
