"""The share that is held out, beside the one that was asked for."""

import csv

import pytest
from support.messages import assert_names
from support.pictures import write_folder

from genkit.bases.pictures.source import FAR, is_held_out
from genkit.parts.datasets.image_folder import ImageFolder


@pytest.mark.parametrize("number", [3, 6, 30, 200])
@pytest.mark.parametrize("asked", [0.1, 0.3])
def test_a_share_of_pictures_that_is_far_from_the_one_asked_for_is_remarked(tmp_path, number, asked):
    write_folder(tmp_path, number, size=2)
    held_out = sum(is_held_out(f"{k:04d}.png", asked) for k in range(number))
    if held_out in (0, number):
        return
    for data in (whole := ImageFolder(path=tmp_path, resolution=2, hold_out=asked), whole.held_out()):
        far = abs(held_out / number - asked) > FAR * asked
        assert len(data.remarks) == far
        if far:
            assert_names(data.remarks[0], "[data] hold_out", f"{asked:g}", f"{held_out / number:.2g}")


def groups_of(tmp_path, sizes: dict[str, int], **keys):
    write_folder(tmp_path / "pictures", sum(sizes.values()), size=2)
    names = [name for name, size in sizes.items() for _ in range(size)]
    with (tmp_path / "groups.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "group"), *((f"{k:04d}.png", name) for k, name in enumerate(names))])
    return ImageFolder(path=tmp_path / "pictures", resolution=2, groups=tmp_path / "groups.csv", **keys)


def test_shares_of_groups_and_of_their_pictures_are_remarked(tmp_path):
    held = next(f"g{k}" for k in range(99) if is_held_out(f"g{k}", 0.25))
    others = [name for name in (f"g{k}" for k in range(99)) if not is_held_out(name, 0.25)][:3]
    even = groups_of(tmp_path / "even", dict.fromkeys([held, *others], 5), hold_out=0.25)
    assert len(even.remarks) == 1  # the numbers of groups
    large = groups_of(tmp_path / "large", {held: 30, **dict.fromkeys(others, 2)}, hold_out=0.25)
    assert_names(large.remarks[1], "[data] hold_out", "0.25 is asked", "0.25 of the groups", "0.83 of the pictures")
    few = groups_of(tmp_path / "few", dict.fromkeys([held, others[0]], 5), hold_out=0.25)
    assert_names(few.held_out().remarks[1], "0.5 of the groups")
