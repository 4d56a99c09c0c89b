"""The masks of the user's own pictures, read and checked before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from genkit.bases.metrics.pixel_ranking import require_few_pixels
from genkit.bases.pictures.masks import Missing, pair_masks, refuse_masks_among_pictures
from genkit.bases.pictures.source import count, shown_name
from genkit.bases.pictures.user_pictures import UserPictures, open_user_masks
from genkit.errors import UsageError

OPTION, AS_EMPTY = "--masks", "--missing-is-empty"


class UserMasks(NamedTuple):
    """The masks of all pictures."""

    pixels: np.ndarray  # (N, H, W) bool, True for abnormal pixels
    remark: str  # on masks without a picture; empty without any


def read_masks(pictures: UserPictures, place: Path, missing: Missing) -> UserMasks:
    """Return the masks of all pictures.

    Raises `UsageError` for masks that cannot be paired or are no masks, and unless some pixels are abnormal and some
    are normal.
    """
    refuse_masks_among_pictures(place, pictures.place, OPTION)
    files = open_user_masks(place, OPTION)
    masks = pair_masks(pictures.source, files, pictures.transform, missing, OPTION, AS_EMPTY)
    try:
        require_few_pixels(len(pictures) * pictures.transform.height * pictures.transform.width)
    except ValueError as error:
        raise UsageError(f"{OPTION} {place}: {error}.") from None
    found = masks.read(range(len(pictures)))
    if found.all() or not found.any():
        every = "abnormal" if found.all() else "normal"
        raise UsageError(
            f"{OPTION} {place}: all pixels of {count(len(pictures), 'picture')} are {every}, so the maps cannot be "
            "compared with them. Leave --masks out, or give masks with both kinds of pixels."
        )
    unpaired, remark = masks.unpaired, ""
    if unpaired:
        verb, example = "has" if len(unpaired) == 1 else "have", shown_name(unpaired[0])
        remark = (
            f"{OPTION} {place}: {len(unpaired):,} of {count(len(files), 'mask')} {verb} no picture and "
            f"{'is' if len(unpaired) == 1 else 'are'} not used, such as {example}"
        )
    return UserMasks(found, remark)
