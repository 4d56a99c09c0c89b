"""Small pictures of samples: within their room, and of the samples."""

import numpy as np
import pytest

from genkit.draw.glance import GAP, SMALLEST, glance, glance_at_rows

ROOMS = [(80, 24), (120, 50), (40, 20), (200, 12), (11, 40)]


def images(number, height=28, width=28, channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (number, channels, height, width), np.uint8)


@pytest.mark.parametrize(("width", "height"), ROOMS)
@pytest.mark.parametrize("shape", [(8,), (64, 32, 32, 3), (3, 20, 40), (1,), (9, 128, 96, 3)])
def test_a_picture_has_room_and_holds_the_first_images(shape, width, height):
    samples = images(*shape)
    pixels = glance(samples, width, height)
    if pixels is None:  # there is no room even for one
        assert width < 2 * SMALLEST or height < SMALLEST
        return
    assert pixels.shape[0] <= height and pixels.shape[1] <= width and pixels.dtype == np.uint8
    corner = pixels[: SMALLEST - 1, : SMALLEST - 1, 3]
    assert (corner == 255).all()
    wide = (pixels[0, :, 3] == 255).tolist()
    tile = wide.index(False) if False in wide else len(wide)
    high = (pixels[:, 0, 3] == 255).tolist()
    tall = high.index(False) if False in high else len(high)
    assert abs(tall * samples.shape[3] / samples.shape[2] - tile) <= 0.5
    means = np.repeat(samples[0], 4 - len(samples[0]), 0)[:3].reshape(3, -1).mean(1)
    np.testing.assert_allclose(pixels[:tall, :tile, :3].reshape(-1, 3).mean(0), means, atol=2)


def test_images_that_fit_are_shown_pixel_by_pixel():
    samples = images(8, 10, 10, 3)
    pixels = glance(samples, 100, 10)
    assert pixels.shape == (10, 8 * (10 + GAP) - GAP, 4)
    for number, image in enumerate(samples):
        shown = pixels[:, number * (10 + GAP) :][:, :10]
        np.testing.assert_array_equal(shown[..., :3], image.transpose(1, 2, 0))
        assert not pixels[:, number * (10 + GAP) + 10 :][:, :1].any()
    floats = glance(samples / np.float32(255), 100, 10)
    np.testing.assert_array_equal(floats, pixels)


def test_all_images_are_in_equal_rows_where_they_have_room():
    pixels = glance(images(8), 80, 24)
    assert pixels.shape == (2 * 11 + GAP, 4 * 11 + 3 * GAP, 4) and pixels[0, 0, 3] == pixels[-1, -1, 3] == 255


def test_rows_keep_their_places_and_whole_rows_are_not_cut():
    first, second = images(8, 8, 8), images(8, 8, 8, seed=1)
    pixels = glance_at_rows([first, second], 30, 17)
    assert pixels.shape == (17, 26, 4)  # three of eight
    np.testing.assert_array_equal(pixels[9:, 9:17, 0], second[1, 0])
    whole = glance_at_rows([images(8, 28, 28), images(8, 28, 28), images(8, 28, 28)], 80, 24, whole=True)
    assert whole.shape == (9 + GAP + 9, 8 * 9 + 7 * GAP, 4)


def test_points_are_counted_where_they_are():
    points = np.concatenate([np.full((90, 2), [1.0, 1.0]), np.full((10, 2), [-1.0, -1.0]), [[np.nan, 0]]])
    pixels = glance(points, 80, 24)
    assert pixels.shape == (24, 24, 4)
    (top, bottom), (right, left) = np.nonzero(pixels[..., 3])
    assert top < 12 <= bottom and left < 12 <= right  # the second coordinate points upwards
    assert pixels[top, right, :3].sum() > pixels[bottom, left, :3].sum()


@pytest.mark.parametrize(
    "samples", [np.zeros((4, 3)), np.zeros((4, 2, 8, 8)), np.zeros((0, 1, 8, 8)), np.full((4, 2), np.nan)]
)
def test_other_samples_have_no_picture(samples):
    assert glance(samples, 80, 24) is None
    assert glance_at_rows([samples], 80, 24) is None


def test_a_collapsed_model_has_a_picture():
    assert glance(np.zeros((100, 2)), 80, 24)[..., 3].any()
    assert glance(np.full((8, 1, 8, 8), np.nan), 80, 24)[:8, :8, :3].max() == 0
