"""Splits by group: all pictures of a group are in one split, and a CSV file that does not fit them is refused."""

import numpy as np
import pytest
from support.messages import assert_names
from support.pictures import batch, noise_picture, write_folder, write_picture

from genkit.bases.pictures.source import is_held_out
from genkit.bases.pictures.splits import remarks_on_splits
from genkit.errors import UsageError
from genkit.parts.datasets.image_arrays import ImageArrays
from genkit.parts.datasets.image_folder import ImageFolder
from genkit.parts.datasets.masked_folder import MaskedFolder

pytestmark = pytest.mark.usefixtures("own_cache")

PATIENTS = [f"patient {number}" for number in range(12)]


def write_csv(path, rows, header="file,group"):
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path):
    """Write 48 pictures, four of each of the patients; half of them in a sub-folder."""
    write_folder(tmp_path / "p", 24)
    write_folder(tmp_path / "p" / "more", 24, start=24)
    return tmp_path / "p"


def patient(name):
    return PATIENTS[int(name.rpartition("/")[2][:4]) % 12]


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def rows_of(folder):
    return [(name, patient(name)) for name in files(folder)]


def names(data):
    return [data.listed.name(index) for index in range(len(data.listed))]


def refusal(data):
    with pytest.raises(UsageError) as caught:
        data.source()
    return str(caught.value)


def by(tmp_path, rows, header="file,group", **keys):
    return ImageFolder(
        path=tmp_path / "p", resolution=4, groups=write_csv(tmp_path / "groups.csv", rows, header), **keys
    )


def test_the_name_of_the_group_decides_and_no_group_is_in_both_splits(tmp_path, folder):
    data = by(tmp_path, rows_of(folder), hold_out=0.3)
    train, test = names(data), names(data.held_out())
    assert sorted(train + test) == files(folder) and train and test
    assert {patient(name) for name in test} == {name for name in PATIENTS if is_held_out(name, 0.3)}
    assert not {patient(name) for name in train} & {patient(name) for name in test}
    plain = ImageFolder(path=folder, resolution=4, hold_out=0.3)
    assert {patient(name) for name in names(plain)} & {patient(name) for name in names(plain.held_out())}  # the fault


def test_a_group_stays_in_its_split_when_others_are_added(tmp_path, folder):
    before = set(names(by(tmp_path, rows_of(folder), hold_out=0.3).held_out()))
    write_folder(folder / "new", 30, start=100)
    more = [*rows_of(folder)]
    rows = [(name, f"new {name}" if name.startswith("new/") else group) for name, group in more]
    after = names(by(tmp_path, rows, hold_out=0.3).held_out())
    assert {name for name in after if not name.startswith("new/")} == before


def test_the_default_share_is_that_of_pictures(tmp_path, folder):
    rows = [(name, f"g{number}") for number, name in enumerate(files(folder))]
    data = by(tmp_path, rows)
    assert set(names(data.held_out())) == {name for name, group in rows if is_held_out(group, 0.1)}


def test_a_column_split_decides(tmp_path, folder):
    test = {PATIENTS[3], PATIENTS[7]}
    rows = [(name, group, "test" if group in test else "train") for name, group in rows_of(folder)]
    data = by(tmp_path, rows, "file,group,split")
    assert {patient(name) for name in names(data.held_out())} == test and len(names(data)) == 40
    assert_names(refusal(by(tmp_path, rows, "file,group,split", hold_out=0.5)), "[data] hold_out", "column split")


def test_other_columns_a_byte_order_mark_and_spaces_are_ignored(tmp_path, folder):
    text = "file, group ,id\n" + "".join(f"{name},{group} ,7\n" for name, group in rows_of(folder))
    (tmp_path / "groups.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    data = ImageFolder(path=folder, resolution=4, groups=tmp_path / "groups.csv", hold_out=0.3)
    assert names(data) == names(by(tmp_path, rows_of(folder), hold_out=0.3))


def test_labels_and_pixels_follow_the_pictures(tmp_path):
    for name in ("a", "b"):
        write_folder(tmp_path / "p" / name, 12)
    data = by(tmp_path, rows_of(tmp_path / "p"), hold_out=0.3)
    for split in (data, data.held_out()):
        shown = batch(split, list(range(split.size)))
        assert shown.extra["label"].tolist() == [("a", "b").index(name[0]) for name in names(split)]
    assert data.prepared.path != data.held_out().prepared.path


def test_the_number_of_a_row_is_its_file_in_an_array(tmp_path):
    np.save(tmp_path / "x.npy", np.stack([noise_picture(5, 5, seed=index) for index in range(24)]))
    groups = write_csv(tmp_path / "g.csv", [(str(index), PATIENTS[index % 12]) for index in range(24)])
    data = ImageArrays(path=tmp_path / "x.npy", resolution=4, groups=groups, hold_out=0.3)
    held_out = {number for number, name in enumerate(PATIENTS) if is_held_out(name, 0.3)}
    assert {row % 12 for row in data.held_out().listed.rows.tolist()} == held_out
    write_csv(groups, [(str(index), "x") for index in range(1, 24)])
    assert_names(refusal(ImageArrays(path=tmp_path / "x.npy", resolution=4, groups=groups)), "groups", "1 of 24", "0")


def test_remarks_have_the_numbers_of_groups_and_pictures(tmp_path, folder):
    data = by(tmp_path, [*rows_of(folder), ("absent.png", "z"), ("gone.png", "z")], hold_out=0.3)
    (remark,) = remarks_on_splits(data)
    held_out = sum(is_held_out(name, 0.3) for name in PATIENTS)
    assert_names(
        remark,
        "groups.csv",
        f"{12 - held_out} groups with {48 - 4 * held_out} pictures are trained on",
        f"with {4 * held_out} pictures",
        "2 rows",
    )


def test_a_share_for_which_a_split_is_empty_is_refused_with_one_that_fits(tmp_path, folder):
    message = refusal(by(tmp_path, rows_of(folder), hold_out=0.001))
    assert_names(message, "[data] groups", "test split is empty", "12 groups", "hold_out = 0.")
    share = float(message.partition("hold_out = ")[2].partition(",")[0])
    assert names(by(tmp_path, rows_of(folder), hold_out=share).held_out())
    one = [(name, "g") for name in files(folder)]
    assert "hold_out =" not in refusal(by(tmp_path, one))


@pytest.mark.parametrize("only", ["train", "test"])
def test_a_column_with_one_split_only_is_refused(tmp_path, folder, only):
    rows = [(name, group, only) for name, group in rows_of(folder)]
    other = {"train": "test", "test": "train"}[only]
    assert_names(refusal(by(tmp_path, rows, "file,group,split")), "[data] groups", f"{other} split is empty")


def test_pictures_without_a_row_are_named(tmp_path, folder):
    message = refusal(by(tmp_path, rows_of(folder)[6:]))
    assert_names(message, "[data] groups", "groups.csv", "6 of 48", "0000.png", "2 more")


def test_a_group_in_both_splits_of_the_column_is_named(tmp_path, folder):
    rows = [(name, group, "train") for name, group in rows_of(folder)]
    rows[5] = (*rows[5][:2], "test")
    assert_names(refusal(by(tmp_path, rows, "file,group,split")), "in both splits", rows[5][1])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda rows: [*rows, rows[3]], ("more than one row", "0003.png")),
        (lambda rows: [*rows, (rows[3][0], "another", "train")], ("more than one row", "0003.png")),
        (lambda rows: [(*rows[0][:2], "val"), *rows[1:]], ("line 2", "'val'", "train or test")),
        (lambda rows: [(*rows[0][:2], ""), *rows[1:]], ("value is missing", "line 2 (split)")),
        (lambda rows: [(rows[0][0], "", "train"), *rows[1:]], ("value is missing", "line 2 (group)")),
        (lambda rows: [(rows[0][0],), *rows[1:]], ("value is missing", "line 2 (group), line 2 (split)")),
    ],
)
def test_rows_with_a_mistake_are_refused_with_their_place(tmp_path, folder, change, named):
    rows = [(name, group, "train") for name, group in rows_of(folder)]
    message = refusal(by(tmp_path, change(rows), "file,group,split"))
    assert_names(message.replace(" and ", ", "), "[data] groups", "groups.csv", *named)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", ("no column file and no column group", "none")),
        (b"name,group\nx.png,g\n", ("no column file", "name, group")),
        (b"file;group\nx.png;g\n", ("no column file and no column group", "file;group")),
        (b"file,group\n\xff\xfe,g\n", ("cannot be read as CSV",)),
        (b'file,group\n"x.png,g\n', ("cannot be read as CSV",)),
        (b"file,group\n", ("no row for 48 of 48",)),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, folder, content, named):
    (tmp_path / "groups.csv").write_bytes(content)
    data = ImageFolder(path=folder, resolution=4, groups=tmp_path / "groups.csv")
    assert_names(refusal(data), "[data] groups", "groups.csv", *named)
    assert data.unmet() and data.held_out().unmet()


def test_a_file_that_does_not_exist_is_refused(tmp_path, folder):
    for path in (tmp_path / "absent.csv", tmp_path):
        assert_names(refusal(ImageFolder(path=folder, resolution=4, groups=path)), "[data] groups", path)


def test_sub_folders_with_the_same_group_are_refused(tmp_path):
    for split, patients in (("train", "abc"), ("test", "cde")):
        for name in patients:
            write_picture(tmp_path / "p" / split / f"{name}.png", noise_picture(4, 4))
    rows = [(name, name[-5]) for name in files(tmp_path / "p")]
    assert_names(refusal(by(tmp_path, rows)), "[data] groups", "1 group ", "train", "test", ": c.")
    assert_names(refusal(by(tmp_path, rows, split="test")), ": c.")
    split = [(*row, "train") for row in rows]
    assert_names(refusal(by(tmp_path, split, "file,group,split")), "column split", "sub-folders")
    assert_names(refusal(by(tmp_path, rows[1:])), "no row for 1 of ", rows[0][0])
    (tmp_path / "p" / "test" / "c.png").unlink()
    data = by(tmp_path, rows)
    assert (names(data), names(data.held_out())) == (["a.png", "b.png", "c.png"], ["d.png", "e.png"])
    assert_names(remarks_on_splits(data)[0], "3 groups with 3 pictures", "2 groups with 2 pictures", "1 row ")


def test_training_pictures_need_no_masks_with_groups_either(tmp_path):
    for split, patients in (("train", "ab"), ("test", "cd")):
        for name in patients:
            write_picture(tmp_path / "p" / split / f"{name}.png", noise_picture(4, 4))
    for name in "cd":
        write_picture(tmp_path / "masks" / f"{name}.png", np.eye(4, dtype=np.uint8) * 255)
    groups = write_csv(tmp_path / "groups.csv", [(name, name[-5]) for name in files(tmp_path / "p")])
    keys = {"path": tmp_path / "p", "masks": tmp_path / "masks", "resolution": 4}
    for data in (MaskedFolder(**keys), MaskedFolder(**keys, groups=groups)):
        assert not batch(data, [0, 1]).extra["mask"].any()
        assert batch(data.held_out(), [0, 1]).extra["mask"].sum() == 8


def test_groups_of_another_folder_are_refused_before_anything_is_read(tmp_path):
    for data_set in (ImageFolder, ImageArrays):
        with pytest.raises(ValueError, match="groups"):
            data_set(path=tmp_path / "a", hold_out=tmp_path / "b", groups=tmp_path / "g.csv", resolution=4)
