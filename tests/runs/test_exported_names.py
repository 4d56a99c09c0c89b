"""Names of exported pictures."""

from pathlib import Path

import pytest

from genkit.runs.data.exported_names import file_names


@pytest.mark.parametrize(
    ("names", "indices", "expected"),
    [
        (["a.jpg", "b/c.TIFF", "b/d.e.png"], [0, 1, 2], ["a.png", "b/c.png", "b/d.e.png"]),
        (["a.jpg", "a.png", "b.png"], [0, 1, 2], ["a.jpg.png", "a.png.png", "b.png"]),
        (["a.jpg", "a.png", "b.png"], [1, 2], ["a.png", "b.png"]),  # only exported names count
        (["A.png", "a.png"], [0, 1], ["A-000000.png", "a-000001.png"]),  # one file where case does not count
        (["x/a.npy", "y/a.npy"], [1, 0], ["y/a.png", "x/a.png"]),
        (["row 0", "row 1"], [0, 1], None),
        ([], [0], None),
        (["/data/a.png", "/data/b.png"], [0, 1], None),  # would replace the pictures themselves
        (["a.png", "../b.png"], [0, 1], None),
        (["C:\\a.png"], [0], None),
        (["a.jpg", "A.jpg", "a-000000.png"], [0, 1, 2], None),  # still equal with numbers
    ],
)
def test_names_keep_their_stem_and_are_different(names, indices, expected):
    found = file_names(names, indices)
    assert found == (None if expected is None else [Path(name) for name in expected])
