"""Pictures of the demo: exact pixels, and texts that no title can break out of."""

import asyncio
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from genkit.demo.playground import Playground
from genkit.demo.safely import is_computing, shown
from genkit.demo.score_board import ScoreRow
from genkit.demo.texts import alert, figures, heading, score_table
from genkit.demo.view import ImageView, PlaneView, Shown, grid
from genkit.draw.image_grid import GAP, magnification
from genkit.errors import UsageError


def test_a_grid_has_the_pixels_of_the_images_on_a_transparent_ground():
    images = torch.rand(5, 3, 4, 6)
    factor = magnification(4, 6)
    pixels = np.asarray(grid(images, 3))
    assert pixels.shape == (2 * 4 * factor + GAP, 3 * 6 * factor + 2 * GAP, 4)
    top, left = 4 * factor + GAP, 6 * factor + GAP
    tile = pixels[top : top + 4 * factor, left : left + 6 * factor]
    exact = (images[4] * 255).round().byte().permute(1, 2, 0).numpy()
    assert np.array_equal(tile[..., :3], np.kron(exact, np.ones((factor, factor, 1), np.uint8)))
    assert (tile[..., 3] == 255).all() and (pixels[top:, -6 * factor :, 3] == 0).all()


def test_fewer_images_of_a_size_that_no_picture_holds():
    assert ImageView((3, 64, 64)).most == 64 and ImageView((3, 3000, 3000)).most == 16
    assert ImageView((3, 9000, 9000)).most == 1 == ImageView((3, 9000, 9000)).first


def test_plots_of_points_have_one_scale_unless_a_point_is_outside():
    view = PlaneView(torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
    names = ("a", "b")
    near = view.pair(torch.zeros(1, 2), torch.full((1, 2), 0.4), names)
    far = view.pair(torch.zeros(1, 2), torch.full((1, 2), 9.0), names)
    [(picture, caption, size)] = near
    assert (caption, size) == ("a, and b", "plot") and picture.size == far[0].picture.size
    assert np.asarray(picture).std() > 0 and not np.array_equal(np.asarray(picture), np.asarray(far[0].picture))


HOSTILE = "</script><script>alert('1')</script><img src=x onerror=alert(1)>"


def test_texts_of_others_are_escaped(autoencoder):
    playground = Playground(Path("run"), autoencoder(torch.rand(16, 2), title=HOSTILE))
    row = ScoreRow(HOSTILE, None, reason=HOSTILE)
    found = type("Found", (), {"rows": [row], "remark": HOSTILE})
    picture = Shown(grid(torch.rand(1, 1, 4, 4), 1), f"{HOSTILE}' onload='alert(1)", "single")
    for html in (heading(playground), alert(HOSTILE), score_table(found, HOSTILE), figures([picture])):
        assert "&lt;script&gt;" in html and "<script" not in html and "onerror=alert(1)>" not in html
        assert "' onload" not in html


def test_an_error_is_a_text_and_leaves_no_old_picture():
    def fail(value):
        if value == "usage":
            raise UsageError("x.png: <no> picture")
        raise KeyError("lost")

    assert asyncio.run(shown(lambda value: (value, 2), 2)(1)) == (1, 2, "")
    first, second, message = asyncio.run(shown(fail, 2)("usage"))
    assert first is second is None and "x.png: &lt;no&gt; picture" in message and "alert" in message
    assert "KeyError" in asyncio.run(shown(fail, 2)("other"))[-1]


def test_one_call_computes_at_a_time():
    active, most = [], []

    def work(value):
        active.append(value)
        most.append(len(active))
        time.sleep(0.01)
        active.remove(value)
        return (value,)

    async def all_at_once():
        return await asyncio.gather(*(shown(work, 1)(value) for value in range(5)))

    assert [value for value, _ in asyncio.run(all_at_once())] == list(range(5)) and max(most) == 1


def test_a_server_that_ends_does_not_wait_for_a_call():
    started, release = threading.Event(), threading.Event()

    def slow():
        started.set()
        return (release.wait(900),)

    async def serve():
        task = asyncio.create_task(shown(slow, 1)())
        while not (started.is_set() or task.done()):
            await asyncio.sleep(0.01)

    try:
        before = time.monotonic()
        asyncio.run(serve())
        assert time.monotonic() - before < 300 and is_computing()
    finally:
        release.set()


def test_a_gan_can_do_what_needs_no_encoder(gan):
    playground = Playground(Path("run"), gan)
    assert not playground.has_encoder and playground.scores is None and playground.maps == []
    assert playground.draw(0, 4).size == "strip"
    assert len(playground.walk(("", ""), (0, 1), 0.5)) == 2
    assert len(playground.move("", 0, [1.0, 0.0, 0.0])) == 2 and len(playground.traversal("", 0)) == 3


def test_samples_without_a_picture_are_refused(autoencoder):
    model = autoencoder(torch.rand(16, 2))
    model.module.data_shape = (16,)
    with pytest.raises(UsageError, match=r"^run: .*\(16,\)"):
        Playground(Path("run"), model)
