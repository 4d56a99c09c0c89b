"""`genkit sample`, `reconstruct` and `interpolate`: what they write and say, and what they refuse."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.commands import IMAGES, TINY, genkit, write_recipe

from genkit import load
from genkit.errors import UsageError
from genkit.parts.datasets.pictures.user_pictures import read_user_pictures
from genkit.runs.run_folder import RunFolder


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENKIT_PLUGINS", "none")


def train(root: Path, text: str) -> Path:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        said = genkit("run", write_recipe(root, text), "--runs", root, "-q", "--set", "ema.decay=0.5")
    assert said.code == 0, said.err
    return root / "0001-tiny-s0"


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    return train(tmp_path_factory.mktemp("images"), IMAGES)


@pytest.fixture(scope="module")
def points(tmp_path_factory) -> Path:
    return train(tmp_path_factory.mktemp("points"), TINY)


def told(*arguments: object) -> dict:
    said = genkit(*arguments, "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)


def refused(*arguments: object) -> str:
    said = genkit(*arguments)
    assert (said.code, said.out) == (2, ""), said
    return said.err


def is_picture(path: str) -> bool:
    with Image.open(path) as picture:
        picture.verify()
    return True


def test_a_final_folder_that_lost_its_average_is_told(images, tmp_path):
    final = tmp_path / "final"
    shutil.copytree(images / "final", final)
    (final / "ema.safetensors").unlink()
    assert f"{final / 'ema.safetensors'}: not found" in refused("sample", final)
    assert genkit("sample", final, "--weights", "raw").code == 0


# sample


def test_a_grid_of_samples_has_the_rows_and_columns_that_were_asked_for(images):
    facts = told("sample", images, "--grid", "3x5", "--out", "a")
    assert facts["samples"] == 15 and np.load("a.npy").shape == (15, 1, 28, 28)
    with Image.open("a.png") as three_by_five:
        genkit("sample", images, "--grid", "2x5", "--out", "b")
        with Image.open("b.png") as two_by_five:
            assert three_by_five.height - two_by_five.height == 84 + 4


def test_a_picture_that_no_program_would_open_is_not_drawn(images, monkeypatch):
    monkeypatch.setattr("genkit.draw.image_grid.LARGEST", 6 * 88 * 2 * 88)
    assert len(told("sample", images, "--grid", "6x2", "--out", "a")["written"]) == 2
    said = refused("sample", images, "--grid", "6x3", "--out", "b")
    assert "--grid 6x3: is a picture of more than" in said and "--number 18 writes as many as an array" in said
    assert told("sample", images, "-n", 16, "--out", "c")["written"] == ["c.npy"]


def test_pictures_of_ones_own_leave_those_of_the_run_alone(images, tmp_path):
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(tmp_path / "one.png")
    (tmp_path / "two.x").mkdir()
    for name in "ab":
        Image.fromarray(np.zeros((28, 28), np.uint8)).save(tmp_path / "two.x" / f"{name}.png")
    written = [
        told("reconstruct", images, *where)["written"] for where in ([], ["--data", "one.png"], ["--data", "two.x"])
    ]
    stems = ("", "-of-one", "-of-two.x")
    assert written == [[f"{images}/reconstructions-ema{stem}{end}" for end in (".npz", ".png")] for stem in stems]
    assert told("interpolate", images, "--data", "two.x")["written"][0].endswith("-ema-of-two.x.npz")


@pytest.mark.parametrize("grid", ["3", "0x4", "4x0", "4,4", "x", "-1x3"])
def test_a_grid_that_is_none_is_told(images, grid):
    assert f"--grid {grid}: expected ROWSxCOLUMNS" in refused("sample", images, f"--grid={grid}")


def test_a_grid_and_a_number_contradict_each_other(images):
    assert "asks for 6 samples and --number for 7" in refused("sample", images, "--grid", "2x3", "-n", 7)


def test_points_form_no_grid(points):
    assert "only images form a grid" in refused("sample", points, "--grid", "2x3")


# reconstruct


@pytest.mark.parametrize("kind", ["images", "points"])
def test_reconstructions_are_those_of_the_model_and_the_error_is_theirs(kind, request):
    run = request.getfixturevalue(kind)
    facts = told("reconstruct", run, "-n", 10, "--out", "a")
    assert facts["samples"] == 10 and facts["weights"] == "ema" and is_picture("a.png")
    arrays = np.load("a.npz")
    x = torch.from_numpy(arrays["input"])
    with torch.no_grad():
        expected = load(run, "ema").reconstruct(x).numpy()
    np.testing.assert_allclose(arrays["reconstruction"], expected, atol=1e-6)
    shown = expected.clip(0, 1) if kind == "images" else expected
    assert facts["mean_squared_error"] == pytest.approx(((shown - arrays["input"]) ** 2).mean(), rel=1e-5)


def test_reconstructions_are_of_held_out_pictures_spread_over_the_split(images):
    facts = told("reconstruct", images, "-n", 4, "--out", "a")
    assert facts["names"] == ["0", "250", "500", "750"] and facts["of"] == "samples of the test split"


def test_the_error_is_printed_with_how_it_was_made(images):
    said = genkit("reconstruct", images, "-n", 4, "--out", "a")
    assert said.out.startswith("mean squared error  0.")
    how = "4 of 1,000 samples of the test split, decoded from the posterior mean, clamped to [0, 1]; ema weights"
    assert f"({how})" in said.out
    assert said.out.endswith("a.npz\na.png\n")


def test_the_same_call_writes_the_same_bytes(images, points):
    for run in (images, points):
        for command in ("sample", "reconstruct", "interpolate"):
            for place in ("a", "b"):
                assert genkit(command, run, "-n", 3, "--out", place).code == 0
            assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_a_folder_takes_the_files_with_their_usual_names(points, tmp_path):
    (tmp_path / "own").mkdir()
    names = ["samples-ema-seed0.npy", "samples-ema-seed0.png"]
    assert told("sample", points, "-n", 3, "--out", "own/")["written"] == [f"own/{name}" for name in names]
    assert told("sample", points, "-n", 3, "--out", ".")["written"] == names


@pytest.mark.parametrize("ending", ["npy", "npz", "png", "PNG"])
def test_an_ending_that_is_added_anyway_may_be_given(points, ending):
    assert told("sample", points, "-n", 3, "--out", f"own/a.b.{ending}")["written"] == ["own/a.b.npy", "own/a.b.png"]


def test_a_final_folder_reads_its_data_where_it_is_told_to(images, tmp_path):
    copied = tmp_path / "copied"
    copied.mkdir()
    for path in RunFolder(images).final.iterdir():
        (copied / path.name).write_bytes(path.read_bytes())
    assert told("reconstruct", copied, "-n", 2)["samples"] == 2
    for command in ("reconstruct", "interpolate"):
        asked = ("--set", "data.use=mnist", "--set", "data.path=nowhere")
        assert f"{tmp_path / 'nowhere'}: t10k-images" in refused(command, copied, *asked)
        of_points = refused(command, copied, "--set", "data.use=8-gaussians", "--set", "data.split=")
        assert all(name in of_points for name in (f"{copied}: ", "[data]", "[2]", "[1, 28, 28]"))
        assert "--set seed=3: would do nothing; this command reads data alone" in refused(
            command, copied, "--set", "seed=3"
        )
        assert "for example --set data.path=pictures." in refused(command, copied, "--set", "foo")
        assert "no data set is called" in refused(command, copied, "--set", "data.use=dgits")


def write_pictures(folder: Path, *sizes: tuple[int, int]) -> Path:
    folder.mkdir()
    for number, size in enumerate(sizes):
        Image.new("RGB", size, (255, 0, 0)).save(folder / f"{number}.png")
    return folder


def test_pictures_of_ones_own_are_reconstructed_whatever_their_size(images, tmp_path):
    own = write_pictures(tmp_path / "own", (50, 30), (28, 28), (3, 90))
    facts = told("reconstruct", images, "--data", own, "--out", "a")
    assert facts["samples"] == 3 and facts["names"] == ["0.png", "1.png", "2.png"]
    assert np.load("a.npz")["input"].shape == (3, 1, 28, 28) and is_picture("a.png")
    assert told("reconstruct", images, "--data", own / "1.png", "--out", "a")["names"] == ["1.png"]
    assert told("interpolate", images, "--data", own, "--out", "a")["paths"] == 1


def test_how_many_pictures_are_shown_of_how_many_is_told(images, tmp_path, monkeypatch):
    own, notes = write_pictures(tmp_path / "own", *[(9, 9)] * 5), []
    monkeypatch.setattr(
        "genkit.draw.reconstructions.save_image_grid", lambda path, rows, title, note: notes.append(note)
    )
    monkeypatch.setattr(
        "genkit.draw.interpolations.save_image_grid", lambda path, rows, title, note, *given: notes.append(note)
    )
    assert f"(3 of 5 pictures of {own}, decoded" in genkit("reconstruct", images, "--data", own, "-n", 3).out
    assert told("reconstruct", images, "--data", own, "--out", "a")["total"] == 5
    assert told("interpolate", images, "--data", own, "-n", 9, "--out", "a")["paths"] == 2
    shown = [f"{which} pictures of {own}" for which in ("3 of 5", "5", "4 of 5")]
    assert all(which in note for which, note in zip(shown, notes, strict=True))


def test_pictures_that_cannot_be_are_told(images, points, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.png").write_text("<html>")
    (tmp_path / "bad").mkdir()
    for name in ("a\nb.png", "c.png"):
        (tmp_path / "bad" / name).write_text("<html>")
    told = refused("reconstruct", images, "--data", "bad")
    assert "--data bad: a\\nb.png: not an image" in told and "; c.png: not an image" in told
    for command in ("reconstruct", "interpolate"):
        assert "--data none: not found" in refused(command, images, "--data", "none")
        assert "--data empty: no picture" in refused(command, images, "--data", "empty")
        assert "--data broken.png: not an image" in refused(command, images, "--data", "broken.png")
        assert "samples of shape (2,), not pictures" in refused(command, points, "--data", "empty")
        both = ("--data", "empty", "--set", "data.split=test")
        assert "--set would do nothing" in refused(command, images, *both)


def test_a_picture_of_enormous_size_is_told_without_a_warning(tmp_path, recwarn, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.new("L", (15, 10)).save(tmp_path / "huge.png")
    with pytest.raises(UsageError, match="huge.png: more than 100 pixels"):
        read_user_pictures(tmp_path / "huge.png", 1, (1, 8, 8))
    assert not recwarn.list


def test_a_picture_is_cut_at_its_middle_and_turned_upright(tmp_path):
    # Black, white, black thirds side by side: the middle is what is left, also where the file says "lying on its side".
    pixels = np.zeros((30, 90, 3), dtype=np.uint8)
    pixels[:, 30:60] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    turned = Image.fromarray(pixels)
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    x, names, _ = read_user_pictures(tmp_path, 9, (3, 10, 10))
    assert names == ["turned.png", "wide.png"] and x.shape == (2, 3, 10, 10)
    assert x.min() > 0.9
    x, _, _ = read_user_pictures(tmp_path / "turned.png", 1, (1, 30, 10))
    assert x[0, 0, 15].mean() > 0.99 and x[0, 0, 0].mean() < 0.01
    with pytest.raises(UsageError, match="not pictures"):
        read_user_pictures(tmp_path, 1, (2,))


# interpolate


@pytest.mark.parametrize("between", ["data", "samples"])
@pytest.mark.parametrize("path", ["spherical", "linear"])
@pytest.mark.parametrize("kind", ["images", "points"])
def test_a_path_is_decoded_between_its_ends(kind, path, between, request):
    run = request.getfixturevalue(kind)
    asked = ("--path", path, "--between", between, "-n", 3, "--steps", 5, "--out", "a")
    facts = told("interpolate", run, *asked)
    assert (facts["paths"], facts["steps"], facts["path"]) == (3, 5, path) and is_picture("a.png")
    arrays, model = np.load("a.npz"), load(run, "ema")
    z = torch.from_numpy(arrays["code"])
    assert z.shape == (3, 5, model.latent_dim) and arrays["decoded"].shape == (3, 5, *model.data_shape)
    with torch.no_grad():
        decoded = model.sample(z.flatten(0, 1)).unflatten(0, (3, 5)).numpy()
        np.testing.assert_allclose(arrays["decoded"], decoded, atol=1e-6)
        if between == "data":
            means = model.encoder(torch.from_numpy(arrays["input"]).flatten(0, 1)).mu.unflatten(0, (3, 2))
            torch.testing.assert_close(z[:, [0, -1]], means)
        else:
            assert "input" not in arrays


def test_what_makes_no_path_is_told(images, tmp_path):
    assert "--path sperical: is no path. Did you mean spherical?" in refused(
        "interpolate", images, "--path", "sperical"
    )
    assert "--between codes: expected data" in refused("interpolate", images, "--between", "codes")
    asked = ("--between", "samples", "--data", ".")
    assert "--between samples reads no data" in refused("interpolate", images, *asked)
    own = write_pictures(tmp_path / "own", (9, 9))
    assert "between two samples, and there is one: 0.png" in refused("interpolate", images, "--data", own)


def test_a_model_without_an_encoder_is_refused_with_what_it_can_do(images, monkeypatch):
    monkeypatch.setattr("genkit.core.model.Autoencoder", int)  # stands for a model that is none
    assert "has no encoder. `genkit sample` draws from it" in refused("reconstruct", images)
    assert "has no encoder. --between samples takes draws" in refused("interpolate", images)
    assert told("interpolate", images, "--between", "samples", "--out", "a")["paths"] == 8


@pytest.mark.parametrize("command", ["sample", "reconstruct", "interpolate"])
def test_a_folder_that_is_not_there_is_made_and_what_is_written_is_named(command, images):
    assert f"deep/{command}/a.png\n" in genkit(command, images, "-n", 2, "--out", f"deep/{command}/a").out
    assert is_picture(f"deep/{command}/a.png")


@pytest.mark.parametrize("command", ["reconstruct", "interpolate"])
def test_what_cannot_be_written_or_is_not_there_is_told(command, images, tmp_path):
    (tmp_path / "file").write_text("")
    assert "file/x: cannot be written" in refused(command, images, "--out", "file/x")
    assert refused(command, "none").startswith("error: none: ")
    assert 'expected "raw" or "ema"' in refused(command, images, "--weights", "best")
