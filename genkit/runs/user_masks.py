"""The masks of the user's own pictures, read and checked before anything is computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genkit.bases.metrics.pixel_ranking import require_few_pixels
from genkit.bases.pictures.masks import Missing, pair_masks, refuse_masks_among_pictures
from genkit.bases.pictures.source import count
from genkit.bases.pictures.user_pictures import UserPictures, open_user_masks
from genkit.errors import UsageError

OPTION, AS_EMPTY = "--masks", "--missing-is-empty"


def read_masks(pictures: UserPictures, place: Path, missing: Missing) -> np.ndarray:
    """Return the masks of all pictures, (N, H, W) bool, True for abnormal pixels.

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
    return found
