"""Recipe keys that several data sets of pictures share, with their types and documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from annotated_types import MinLen

from genkit.bases.pictures.eight_bits import Background
from genkit.bases.pictures.transform import Crop, Filter
from genkit.core.field_types import Doc, NonNegativeInt, PositiveInt

SplitKey = Annotated[
    Literal["train", "test"], Doc('Split that is read, "train" or "test"; the held-out split is always "test".')
]
"""Type and description of the key ``split``."""
ResolutionKey = Annotated[
    PositiveInt | tuple[PositiveInt, PositiveInt],
    Doc("Size in pixels of the images that the network sees: one number for a square, or [height, width]."),
]
"""Type and description of the key ``resolution``."""
ChannelsKey = Annotated[
    Literal[1, 3], Doc("Number of channels to which every picture is converted: 1 for grey, 3 for colour.")
]
"""Type and description of the key ``channels``."""
CropKey = Annotated[
    Crop,
    Doc(
        'Box that is kept before a picture is resized: "none" keeps all of it, which may distort it; "centre" is the '
        "largest centred box with the aspect ratio of the resolution; N or [height, width] is a centred box of that "
        "size; [left, top, right, bottom] is the box itself."
    ),
]
"""Type and description of the key ``crop``."""
FilterKey = Annotated[Filter, Doc("Resampling filter of Pillow, with antialiasing when a picture shrinks.")]
"""Type and description of the key ``filter``."""
BackgroundKey = Annotated[
    Background, Doc("Colour behind transparent pixels: one level in 0..255, or [red, green, blue].")
]
"""Type and description of the key ``background``."""
FlipKey = Annotated[
    bool, Doc("Whether each training picture is mirrored with probability 1/2, drawn again whenever it is used.")
]
"""Type and description of the key ``flip``."""
ClassesKey = Annotated[
    Annotated[tuple[NonNegativeInt, ...], MinLen(1)] | None,
    Doc("Labels of the pictures to keep; by default all. The others can be a set to detect."),
]
"""Type and description of the key ``classes``."""
OnBadKey = Annotated[
    Literal["refuse", "skip"],
    Doc('What happens to pictures that cannot be used: "refuse" is an error, "skip" leaves them out.'),
]
"""Type and description of the key ``on_bad``."""
WindowKey = Annotated[
    tuple[float, float] | None,
    Doc(
        "Values in the units of the files that become black and white, [low, high]; values outside are clipped. "
        "By default 8 and 16 bits have the range of their type, and floats of image-arrays are in [0, 1]."
    ),
]
"""Type and description of the key ``window``."""
PercentilesKey = Annotated[
    tuple[float, float] | None,
    Doc("Percentiles of each picture that become black and white, such as [1, 99]; instead of window."),
]
"""Type and description of the key ``percentiles``."""
GroupsKey = Annotated[
    Path | None,
    Doc(
        "CSV file with the columns file and group: all pictures of a group are in one split. hold_out is then a share "
        "of the groups, chosen by their names; a column split, train or test, decides in its place."
    ),
]
"""Type and description of the key ``groups``."""
StoreKey = Annotated[Path | None, Doc("Folder for the prepared pictures; the cache folder of genkit by default.")]
"""Type and description of the key ``store``."""
ConfigKey = Annotated[str | None, Doc("Name of the configuration (subset), if the data set on the hub has several.")]
"""Type and description of the key ``config``."""
ColumnKey = Annotated[str | None, Doc("Name of the column with the pictures, if several columns have pictures.")]
"""Type and description of the key ``column``."""
HubKey = Annotated[
    str | None, Doc("Hub id, OWNER/NAME, or a folder that the `datasets` library can open; instead of path.")
]
"""Type and description of the key ``hub``."""


def check_groups(groups: Path | None, hold_out: object) -> None:
    """Raise `ValueError` if there are groups, and `hold_out` is another folder or file."""
    if groups is not None and isinstance(hold_out, Path):
        raise ValueError(
            f"groups: cannot be used with hold_out = {str(hold_out)!r}, since the rows of groups name pictures of path "
            "only. Set hold_out to a share, or add a column split"
        )


def check_one_place(path: Path | None, hub: str | None, folder: str, example: str) -> None:
    """Raise `ValueError` unless exactly one of `path` and `hub` is given.

    The message describes the folder for `path`, ``"a folder of pictures"``, and gives an example of a hub id.
    """
    if (path is None) == (hub is None):
        found = "neither path nor hub is given" if path is None else "both path and hub are given"
        raise ValueError(f'{found}; set path to {folder}, or hub to an id such as "{example}"')
