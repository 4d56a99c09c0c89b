"""What the demo shows, compared with the functions and commands of genkit."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image

import genkit
from genkit.demo.latent import path_between
from genkit.demo.playground import Playground, open_playground
from genkit.demo.view import grid
from genkit.errors import UsageError

pytestmark = pytest.mark.trains


@pytest.fixture(scope="module")
def playground(digits_playground):
    return digits_playground


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """Return a picture that must be cropped, converted and resized."""
    path = tmp_path_factory.mktemp("pictures") / "noise.png"
    noise = np.random.default_rng(0).integers(0, 256, (40, 70, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path)
    return path


def pixels(image):
    return np.asarray(image).tobytes()


def test_samples_are_those_of_the_model(playground):
    drawn = playground.draw(3, 5).picture
    assert pixels(drawn) == pixels(grid(playground.model.sample(5, seed=3), 8))
    assert pixels(drawn) != pixels(playground.draw(4, 5).picture)


def test_scores_are_those_of_genkit_score(playground, digits, picture):
    rows = playground.reconstruct(str(picture)).rows
    assert {"elbo", "error", "kl", "mahalanobis"} <= {row.name for row in rows}
    for row in rows:
        found = genkit.score(digits, picture, row.name)
        assert row.value == found.scores.item(), row.name
        assert row.above is not None and 0 <= row.above <= 1


def test_the_share_below_is_that_of_held_out_samples(playground, digits):
    board = playground.scores
    x = digits.data.held_out()[0:1]
    [row] = [row for row in board.rows(x) if row.name == "error"]
    normal = genkit.score(digits, x.numpy(), "error").normal  # all 1,000, of which the demo has 256
    assert row.above == pytest.approx((normal < row.value).double().mean().item(), abs=0.12)


def test_the_map_is_that_of_genkit_anomaly(playground, digits, picture):
    assert playground.maps[0] == "error"
    x = playground.read(str(picture)).x
    for name in playground.maps:
        expected = genkit.anomaly_maps(digits, picture, name).maps
        assert torch.equal(playground.scores.map(name, x), expected), name
    shown = playground.reconstruct(str(picture), "error").pictures
    assert [each.size for each in shown] == ["single"] * 3 and shown[2].caption.startswith("error: black 0")


def test_a_held_out_sample_needs_no_picture(playground, digits):
    x = digits.data.held_out()[7:8]
    found = playground.reconstruct("", "error", None, 7.0)
    assert pixels(found.pictures[0].picture) == pixels(grid(x, 1))
    [value] = [row.value for row in found.rows if row.name == "error"]
    assert value == pytest.approx(genkit.score(digits, x, "error").scores.item(), rel=1e-6)
    assert playground.held_out_size == len(digits.data.held_out())
    for number in (None, -1, playground.held_out_size):
        with pytest.raises(UsageError, match=r"^Held-out sample: "):
            playground.reconstruct("", None, None, number)


def test_the_reconstruction_is_that_of_the_model(playground, picture):
    x = playground.read(str(picture)).x
    before, after = playground.reconstruct(str(picture)).pictures
    assert pixels(before.picture) == pixels(grid(x, 1))
    assert pixels(after.picture) == pixels(grid(playground.model.reconstruct(x), 1))


def test_a_walk_between_pictures_is_that_of_the_model(playground, picture, tmp_path):
    x = playground.read(str(picture)).x
    other = tmp_path / "white.png"
    Image.new("L", (28, 28), 255).save(other)
    white = playground.read(str(other)).x
    here, path = playground.walk((str(picture), str(other)), (0, 0), 1.0)
    decoded = playground.model.interpolate(x[0], white[0], steps=101)
    assert pixels(here.picture) == pixels(grid(decoded[-1:], 1))
    codes = path_between(playground.model, *playground.model.encode(torch.cat([x, white])).split(1))
    torch.testing.assert_close(playground.model.decode(codes), decoded)
    assert pixels(path.picture) != pixels(playground.walk(("", str(other)), (0, 0), 1.0)[1].picture)


def test_a_slider_at_zero_leaves_the_start(playground):
    count = len(playground.directions().vectors)
    start, there = playground.move("", 2, [0.0] * count)
    assert pixels(start.picture) == pixels(there.picture) == pixels(playground.draw(2, 1).picture)
    assert pixels(playground.move("", 2, [2.0] + [0.0] * (count - 1))[1].picture) != pixels(start.picture)
    rows = playground.traversal("", 2)
    assert len(rows) == count and len({pixels(row.picture) for row in rows}) == count


def test_a_seed_that_is_none_is_named(playground):
    with pytest.raises(UsageError, match=r"^End: "):
        playground.walk(("", ""), (0, None), 0.5)
    with pytest.raises(UsageError, match=r"^Seed: "):
        playground.move("", -1, [0.0] * 4)


def test_points_in_the_plane_have_plots_and_scores(points):
    playground = Playground(points.path, points.load())
    assert not playground.shows_images and playground.maps == []
    found = playground.reconstruct("0.5, -1")
    assert [each.size for each in found.pictures] == ["plot"]
    given = torch.tensor([[0.5, -1.0]])
    for row in found.rows:
        assert row.value == pytest.approx(genkit.score(points, given, row.name).scores.item(), rel=1e-5), row.name
    for shown in (playground.draw(0, 100), *playground.walk(("1, 1", ""), (0, 1), 0.3), *playground.traversal("", 0)):
        assert shown.size == "plot"


def test_a_key_of_the_data_that_is_set_is_checked_and_used(digits):
    trained = digits.load().trained
    with pytest.raises(UsageError, match="nonsense"):
        open_playground(digits.path, trained, None, ["data.nonsense=1"])
    with pytest.raises(UsageError, match=r"^--device"):
        open_playground(digits.path, trained, "nonsense")
    assert open_playground(digits.path, trained, None, ["data.use=digits"]).held_out_size == 1000


def test_without_the_data_there_is_nothing_to_compare_with(digits, monkeypatch, picture):
    def missing(path, overrides=()):
        raise UsageError("the plugin of the data is missing")

    monkeypatch.setattr("genkit.demo.playground.open_data", missing)
    rows = {row.name: row for row in Playground(digits.path, digits.load()).reconstruct(str(picture)).rows}
    assert rows["error"].value is not None and rows["error"].above is None
    assert rows["mahalanobis"].value is None and rows["mahalanobis"].reason
    without = Playground(digits.path, digits.load())
    with pytest.raises(UsageError, match=r"^Held-out sample: "):
        without.reconstruct("", None, None, 0)
    assert without.held_out_size == 0


class Failing:
    """Data that open, and whose disk is then gone."""

    shape = (1, 28, 28)

    def unmet(self):
        return ()

    def held_out(self):
        raise OSError("the disk is gone")


@pytest.mark.parametrize("opens", [True, False])
def test_a_disk_that_fails_leaves_a_page_that_says_so(digits, monkeypatch, opens):
    def open_data(path, overrides=()):
        if opens:
            return Failing()
        raise OSError("the disk is gone")

    monkeypatch.setattr("genkit.demo.playground.open_data", open_data)
    model = digits.load()
    failing = Playground(digits.path, model)
    if find_spec("gradio"):
        from genkit.demo.page import page_of

        page_of(failing)
    assert failing.held_out_size == 0 and "error" in failing.maps
    with pytest.raises(UsageError, match="the disk is gone"):
        failing.read_held_out(0)
    rows = {row.name: row for row in failing.scores.rows(model.sample(1))}
    assert rows["error"].value is not None and rows["error"].above is None
    assert rows["mahalanobis"].value is None and rows["mahalanobis"].reason
    assert "the disk is gone" in failing.scores.normal_remark
