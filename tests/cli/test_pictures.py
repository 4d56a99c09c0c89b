"""`genkit sample`, `reconstruct` and `interpolate`: their files, their output, and their errors."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.commands import IMAGES, TINY, genkit, refused, write_recipe
from support.messages import assert_names

from genkit.bases.pictures.user_pictures import read_user_pictures
from genkit.errors import UsageError
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.trained_models.load import load

pytestmark = pytest.mark.trains


@pytest.fixture(autouse=True)
def _isolated(isolated):
    """Run each test in an empty folder."""


def train(root: Path, text: str) -> Path:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        result = genkit("run", write_recipe(root, text), "--runs", root, "-q", "--set", "ema.decay=0.5")
    assert result.code == 0, result.err
    return root / "0001-tiny-s0"


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    return train(tmp_path_factory.mktemp("images"), IMAGES)


@pytest.fixture(scope="module")
def points(tmp_path_factory) -> Path:
    return train(tmp_path_factory.mktemp("points"), TINY)


def facts_of(*arguments: object) -> dict:
    result = genkit(*arguments, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def is_picture(path: str) -> bool:
    with Image.open(path) as picture:
        picture.verify()
    return True


def write_pictures(folder: Path, *sizes: tuple[int, int]) -> Path:
    folder.mkdir()
    for number, size in enumerate(sizes):
        Image.new("L", size, 200).save(folder / f"{number}.png")
    return folder


# All three commands


def test_missing_ema_weights_of_a_model_folder_are_named(images, tmp_path):
    final = tmp_path / "final"
    shutil.copytree(images / "final", final)
    (final / "ema.safetensors").unlink()
    assert_names(refused("sample", final), f"error: {final / 'ema.safetensors'}: ")
    assert genkit("sample", final, "--weights", "raw").code == 0


def test_user_pictures_get_files_of_their_own(images, tmp_path):
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(tmp_path / "one.png")
    (tmp_path / "two.x").mkdir()
    for name in "ab":
        Image.fromarray(np.zeros((28, 28), np.uint8)).save(tmp_path / "two.x" / f"{name}.png")
    written = [
        facts_of("reconstruct", images, *where)["written"] for where in ([], ["--data", "one.png"], ["--data", "two.x"])
    ]
    stems = ("", "-of-one", "-of-two.x")
    assert written == [[f"{images}/reconstructions-ema{stem}{end}" for end in (".npz", ".png")] for stem in stems]
    assert facts_of("interpolate", images, "--data", "two.x")["written"][0].endswith("-ema-of-two.x.npz")


def test_the_same_call_writes_the_same_bytes(images, points):
    for run in (images, points):
        for command in ("sample", "reconstruct", "interpolate"):
            for place in ("a", "b"):
                assert genkit(command, run, "-n", 3, "--out", place).code == 0
            assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_an_output_folder_gets_the_default_file_names(points, tmp_path):
    (tmp_path / "own").mkdir()
    names = ["samples-ema-seed0.npy", "samples-ema-seed0.png"]
    assert facts_of("sample", points, "-n", 3, "--out", "own/")["written"] == [f"own/{name}" for name in names]
    assert facts_of("sample", points, "-n", 3, "--out", ".")["written"] == names


@pytest.mark.parametrize("ending", ["npy", "npz", "png", "PNG"])
def test_an_output_name_may_have_an_ending(points, ending):
    expected = ["own/a.b.npy", "own/a.b.png"]
    assert facts_of("sample", points, "-n", 3, "--out", f"own/a.b.{ending}")["written"] == expected


@pytest.mark.parametrize("command", ["sample", "reconstruct", "interpolate"])
def test_a_missing_output_folder_is_made_and_the_files_are_printed(command, images):
    assert f"deep/{command}/a.png\n" in genkit(command, images, "-n", 2, "--out", f"deep/{command}/a").out
    assert is_picture(f"deep/{command}/a.png")


@pytest.mark.parametrize("command", ["reconstruct", "interpolate"])
def test_an_unwritable_place_a_missing_run_and_unknown_weights_are_refused(command, images, tmp_path):
    (tmp_path / "file").write_text("")
    assert_names(refused(command, images, "--out", "file/x"), "--out file/x: cannot be written")
    assert_names(refused(command, "none"), "error: none: ")
    assert_names(refused(command, images, "--weights", "best"), "--weights best", "raw or ema")


# sample


def test_a_grid_has_the_requested_rows_and_columns(images):
    facts = facts_of("sample", images, "--grid", "3x5", "--out", "a")
    assert facts["samples"] == 15 and np.load("a.npy").shape == (15, 1, 28, 28)
    with Image.open("a.png") as three_by_five:
        genkit("sample", images, "--grid", "2x5", "--out", "b")
        with Image.open("b.png") as two_by_five:
            assert three_by_five.height - two_by_five.height == 84 + 4


def test_a_grid_too_large_to_open_is_refused(images, monkeypatch):
    monkeypatch.setattr("genkit.draw.image_grid.LARGEST", 6 * 88 * 2 * 88)
    assert len(facts_of("sample", images, "--grid", "6x2", "--out", "a")["written"]) == 2
    message = refused("sample", images, "--grid", "6x3", "--out", "b")
    assert_names(message, "--grid 6x3: ", f"{6 * 88 * 2 * 88:,} pixels", "--number 18")
    assert facts_of("sample", images, "-n", 16, "--out", "c")["written"] == ["c.npy"]


@pytest.mark.parametrize("grid", ["3", "0x4", "4x0", "4,4", "x", "-1x3"])
def test_a_malformed_grid_is_refused(images, grid):
    assert_names(refused("sample", images, f"--grid={grid}"), f"--grid {grid}: ", "ROWSxCOLUMNS")


def test_a_grid_and_a_number_exclude_each_other(images):
    message = refused("sample", images, "--grid", "2x3", "-n", 7)
    assert_names(message, "--grid 2x3: ", "6 samples", "--number", "7")


def test_points_form_no_grid(points):
    assert_names(refused("sample", points, "--grid", "2x3"), "--grid 2x3: ", points, "(2,)", "images")


# reconstruct


@pytest.mark.parametrize("kind", ["images", "points"])
def test_reconstruct_writes_the_reconstructions_and_prints_their_error(kind, request):
    run = request.getfixturevalue(kind)
    facts = facts_of("reconstruct", run, "-n", 10, "--out", "a")
    assert facts["samples"] == 10 and facts["weights"] == "ema" and is_picture("a.png")
    arrays = np.load("a.npz")
    x = torch.from_numpy(arrays["input"])
    with torch.no_grad():
        expected = load(run, "ema").reconstruct(x).numpy()
    np.testing.assert_allclose(arrays["reconstruction"], expected, atol=1e-6)
    shown = expected.clip(0, 1) if kind == "images" else expected
    assert facts["mean_squared_error"] == pytest.approx(((shown - arrays["input"]) ** 2).mean(), rel=1e-5)


def test_reconstruct_takes_held_out_pictures_spread_over_the_split(images):
    facts = facts_of("reconstruct", images, "-n", 4, "--out", "a")
    assert facts["names"] == ["0", "250", "500", "750"] and facts["of"] == "samples of the test split"


def test_the_error_is_printed_with_its_protocol(images):
    result = genkit("reconstruct", images, "-n", 4, "--out", "a")
    error, *written = result.out.splitlines()
    assert error.startswith("mean squared error  0.")
    assert_names(error, "4 of 1,000 samples of the test split", "posterior mean", "[0, 1]", "ema weights")
    assert written == ["a.npz", "a.png"]


@pytest.mark.parametrize("command", ["reconstruct", "interpolate"])
def test_a_model_folder_reads_its_data_where_the_override_says(command, images, tmp_path):
    copied = tmp_path / "copied"
    copied.mkdir()
    for path in RunFolder(images).final.iterdir():
        (copied / path.name).write_bytes(path.read_bytes())
    assert facts_of("reconstruct", copied, "-n", 2)["samples"] == 2
    missing = ("--set", "data.use=mnist", "--set", "data.path=nowhere")
    assert_names(refused(command, copied, *missing), "nowhere", "idx3-ubyte")
    other_shape = ("--set", "data.use=8-gaussians", "--set", "data.split=")
    assert_names(refused(command, copied, *other_shape), f"{copied}: ", "[data]", "[2]", "[1, 28, 28]")
    assert_names(refused(command, copied, "--set", "seed=3"), "--set seed=3: ", "reads only data")
    assert_names(refused(command, copied, "--set", "foo"), "--set foo: ", "--set data.path=pictures")
    assert_names(refused(command, copied, "--set", "data.use=dgits"), "[data] use: ", '"dgits"', "digits")


# Pictures of the user


def test_user_pictures_of_any_size_are_reconstructed(images, tmp_path):
    own = write_pictures(tmp_path / "own", (50, 30), (28, 28), (3, 90))
    for command in ("reconstruct", "interpolate"):  # the picture would be one of them the next time
        message = refused(command, images, "--data", own, "--out", own / "a")
        assert_names(message, f"--out {own}/a", "--data")
    facts = facts_of("reconstruct", images, "--data", own, "--out", "a")
    assert facts["samples"] == 3 and facts["names"] == ["0.png", "1.png", "2.png"]
    assert np.load("a.npz")["input"].shape == (3, 1, 28, 28) and is_picture("a.png")
    assert facts_of("reconstruct", images, "--data", own / "1.png", "--out", "a")["names"] == ["1.png"]
    assert facts_of("interpolate", images, "--data", own, "--out", "a")["paths"] == 1


def test_the_output_says_how_many_of_the_pictures_are_shown(images, tmp_path, monkeypatch):
    own, notes = write_pictures(tmp_path / "own", *[(9, 9)] * 5), []
    for module in ("reconstructions", "interpolations"):
        monkeypatch.setattr(
            f"genkit.draw.{module}.save_image_grid", lambda path, rows, title, note, *given: notes.append(note)
        )
    assert "(3 of 5 pictures of own, decoded" in genkit("reconstruct", images, "--data", own, "-n", 3).out
    assert facts_of("reconstruct", images, "--data", own, "--out", "a")["total"] == 5
    assert facts_of("interpolate", images, "--data", own, "-n", 9, "--out", "a")["paths"] == 2
    shown = [f"{number} pictures of own" for number in ("3 of 5", "5", "4 of 5")]
    assert all(number in note for number, note in zip(shown, notes, strict=True))


@pytest.mark.parametrize("command", ["reconstruct", "interpolate"])
def test_unusable_pictures_are_refused(command, images, points, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.png").write_text("<html>")
    (tmp_path / "bad").mkdir()
    for name in ("a\nb.png", "c.png"):
        (tmp_path / "bad" / name).write_text("<html>")
    assert_names(refused(command, images, "--data", "bad"), "--data bad: ", "a\\nb.png", "c.png")
    assert_names(refused(command, images, "--data", "none"), "--data none: ")
    assert_names(refused(command, images, "--data", "empty"), "--data empty: ")
    assert_names(refused(command, images, "--data", "broken.png"), "--data broken.png: not ")
    assert_names(refused(command, points, "--data", "empty"), "--data empty: ", "(2,)")
    both = ("--data", "empty", "--set", "data.split=test")
    assert_names(refused(command, images, *both), "--data empty: ", "--set", "[data]")


def test_an_enormous_picture_is_refused_without_a_warning(tmp_path, recwarn, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.new("L", (15, 10)).save(tmp_path / "huge.png")
    with pytest.raises(UsageError) as caught:
        read_user_pictures(tmp_path / "huge.png", 1, (1, 8, 8))
    assert_names(caught.value, "huge.png", "100 pixels")
    assert not recwarn.list


def test_a_picture_is_cropped_at_its_centre_and_turned_upright(tmp_path):
    # Thirds of black, white and black side by side: the middle one remains, also if EXIF turns the picture.
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
    with pytest.raises(UsageError) as caught:
        read_user_pictures(tmp_path, 1, (2,))
    assert_names(caught.value, f"--data {tmp_path}: ", "(2,)")


# interpolate


@pytest.mark.parametrize("between", ["data", "samples"])
@pytest.mark.parametrize("path", ["spherical", "linear"])
@pytest.mark.parametrize("kind", ["images", "points"])
def test_interpolate_decodes_paths_between_their_ends(kind, path, between, request):
    run = request.getfixturevalue(kind)
    options = ("--path", path, "--between", between, "-n", 3, "--steps", 5, "--out", "a")
    facts = facts_of("interpolate", run, *options)
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


def test_interpolate_refuses_unknown_options_and_a_single_sample(images, tmp_path):
    assert_names(refused("interpolate", images, "--path", "sperical"), "--path sperical: ", "Did you mean spherical?")
    assert_names(refused("interpolate", images, "--between", "codes"), "--between codes: ", "data", "samples")
    message = refused("interpolate", images, "--between", "samples", "--data", ".")
    assert_names(message, "--between samples: ", "--data", "--set")
    own = write_pictures(tmp_path / "own", (9, 9))
    assert_names(refused("interpolate", images, "--data", own), f"--data {own}: ", "one sample", "0.png")


def test_a_model_without_an_encoder_is_refused_with_a_command_that_works(images, monkeypatch):
    monkeypatch.setattr("genkit.core.model.Autoencoder", int)  # so that the model is not one
    assert_names(refused("reconstruct", images), f"{images}: ", "no encoder", "`genkit sample`")
    assert_names(refused("interpolate", images), f"{images}: ", "no encoder", "--between samples")
    assert facts_of("interpolate", images, "--between", "samples", "--out", "a")["paths"] == 8


def test_interpolate_drops_the_last_of_an_odd_number_of_samples(images, tmp_path):
    own = write_pictures(tmp_path / "own", (28, 28), (28, 28), (28, 28))
    assert facts_of("interpolate", images, "--data", own, "--out", "a")["paths"] == 1
    assert np.load("a.npz")["input"].shape == (1, 2, 1, 28, 28)
