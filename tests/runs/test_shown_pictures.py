"""The pictures that a picture of maps shows, compared with a sort of all of them."""

import math

import numpy as np
import pytest
import torch

from genkit.runs.user_pictures.shown_pictures import ShownPictures


def shown(scores: list[float], number: int, *, first: bool = False, size: int = 3, masked: bool = True):
    """Return what is shown of pictures whose pixels are their place, given a few at a time."""
    pictures = ShownPictures(number, first=first)
    for start in range(0, len(scores), size):
        of_chunk = scores[start : start + size]
        places = torch.arange(start, start + len(of_chunk)).float()
        images = places[:, None, None, None].expand(-1, 1, 2, 2)
        masks = (places.numpy()[:, None, None] % 2 == 0) & np.ones((2, 2), bool)
        names = [f"{int(place)}.png" for place in places]
        pictures.add(names, of_chunk, (images, -images, 10 * images[:, 0]), masks if masked else None)
    return pictures.shown()


@pytest.mark.parametrize("number", [1, 4, 7, 20])
@pytest.mark.parametrize("size", [1, 3, 20])
def test_the_highest_scores_are_shown_in_descending_order(number, size):
    scores = [0.5, 2.0, -1.0, 2.0, math.nan, 7.0, 0.0, 2.0, 3.0, -math.inf, 1e-9]
    order = sorted(range(len(scores)), key=lambda k: (math.inf if math.isnan(scores[k]) else -scores[k], k))[:number]
    found = shown(scores, number, size=size)
    assert list(found.names) == [f"{place}.png" for place in order]
    assert found.scores == pytest.approx([scores[place] for place in order], nan_ok=True)
    assert found.inputs[:, 0, 0, 0].tolist() == order
    assert found.outputs[:, 0, 0, 0].tolist() == [-place for place in order]
    assert found.maps[:, 1, 1].tolist() == [10 * place for place in order]
    assert found.masks[:, 0, 1].tolist() == [place % 2 == 0 for place in order]


@pytest.mark.parametrize("size", [1, 3, 20])
def test_the_first_pictures_are_shown_in_their_order(size):
    found = shown([1.0, 9.0, 3.0, 7.0, 5.0], 3, first=True, size=size, masked=False)
    assert list(found.names) == ["0.png", "1.png", "2.png"] and found.masks is None
