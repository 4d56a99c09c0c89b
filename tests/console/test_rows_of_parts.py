"""Rows of the parts of a wide table: none is empty in its part, none is lost, and none has another title."""

import random

import pytest
from support.terminal import shown

from genkit.console.rows_of_parts import rows_of_parts

pytestmark = pytest.mark.fast


def titled(rows):
    """Return each row with its title, which is that of the last row that has one."""
    title, named = "", []
    for row in rows:
        title = row[0] or title
        named.append((title, *row[1:]))
    return named


@pytest.mark.parametrize("seed", range(20))
def test_a_part_has_the_rows_with_something_in_it_in_their_order_with_their_titles(seed):
    source = random.Random(seed)
    rows = [
        [f"title {row}" if metric == 0 else "", f"metric {metric}", *(source.choice(["", "", "5"]) for _ in range(4))]
        for row in range(4)
        for metric in range(3)
    ]
    parts = [[0, 1, 2], [0, 1, 3, 4], [0, 1, 5]]
    for number, (part, of_part) in enumerate(zip(parts, rows_of_parts(rows, parts, 2), strict=True)):
        expected = [
            row for row in titled(rows) if any(row[place] for place in part[2:]) or (number == 0 and not any(row[2:]))
        ]
        assert titled(of_part) == expected
        titles = [row[0] for row in of_part if row[0]]
        assert len(titles) == len(set(titles)) and (not of_part or titles[0] == of_part[0][0])


def test_a_block_of_a_narrow_terminal_leaves_out_empty_rows_and_a_file_has_all():
    head = ["", "metric", "method-a", "method-b"]
    rows = [
        ["row one", "psnr", "1.5 ± 0.001", "2.5 ± 0.001"],
        ["row two", "psnr", "3.5 ± 0.001", ""],
        ["", "fid", "", "4.5 ± 0.001"],
    ]
    first, second = shown(30, lambda console: console.table("t", head, rows, repeat=2)).rstrip().split("\n\n")
    assert [line.split()[:-2] for line in first.splitlines()[2:]] == [
        ["row", "one", "psnr", "1.5"], ["row", "two", "psnr", "3.5"],
    ]  # fmt: skip
    assert [line.split()[:-2] for line in second.splitlines()[2:]] == [
        ["row", "one", "psnr", "2.5"], ["row", "two", "fid", "4.5"],
    ]  # fmt: skip
    in_file = shown(30, lambda console: console.table("t", head, rows, repeat=2), terminal=False)
    assert len(in_file.rstrip().splitlines()) >= 2 + len(rows) and in_file.count("row") == 2
