"""`genkit anomaly`: the arrays, the table, the numbers against masks, and every refusal."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.commands import IMAGES, TINY, genkit, refused, write_recipe
from support.messages import assert_names
from support.pictures import noise_picture, write_folder, write_picture

from genkit.bases.pictures.user_pictures import centred_transform, open_user_pictures
from genkit.console.quantities import quantity
from genkit.core.maps import smoothed
from genkit.draw import image_grid
from genkit.parts.scores.elbo import Error
from genkit.runs.trained_models import load as python

pytestmark = pytest.mark.trains

RECIPE = IMAGES.replace('use = "digits"', 'use = "image-folder"\npath = "{path}"\nresolution = 12\nchannels = 1')
MISSING = "--missing-is-empty"
ENDINGS = ("-maps.npy", "-inputs.npy", "-reconstructions.npy", ".csv", ".png")


@pytest.fixture(autouse=True)
def _isolated(isolated):
    """Run each test in an empty folder."""


def train(root: Path, recipe: str) -> Path:
    root.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        patched.setenv("GENKIT_CACHE", str(root / "cache"))
        result = genkit("run", write_recipe(root, recipe), "--runs", root / "runs", "-q")
    assert result.code == 0, result.err
    return root / "runs" / "0001-tiny-s0"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Return a folder with normal pictures, and nine pictures of which six have a brighter box, with masks."""
    root = tmp_path_factory.mktemp("anomaly")
    for split, start, count in (("train", 0, 60), ("test", 100, 40)):
        for number in range(start, start + count):
            write_picture(root / "pictures" / split / f"{number}.png", noise_picture(12, 12, 1, number) // 4)
    for number in range(9):
        pixels, mask = noise_picture(24, 24, 1, 500 + number) // 4, np.zeros((24, 24), np.uint8)
        if number % 3:
            pixels[4:10, 6:16], mask[4:10, 6:16] = noise_picture(6, 10, 1, number) // 2, 255
        write_picture(root / "new" / f"part{number % 2}" / f"{number}.png", pixels)
        write_picture(root / "masks" / f"part{number % 2}" / f"{number}.png", mask)
    return root


@pytest.fixture(scope="module")
def run(root) -> Path:
    return train(root, RECIPE.format(path=root / "pictures"))


def facts_of(*arguments: object) -> dict:
    result = genkit("anomaly", *arguments, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def maps_by_hand(run: Path, place: Path, smooth: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the maps of the squared error, (N, H, W) float32, and the reconstructions."""
    model = python.load(run)
    x = torch.cat(list(open_user_pictures(place, centred_transform((1, 12, 12))).chunks(5)))
    with torch.no_grad():
        outputs = model.reconstruct(x)
    return smoothed((x - outputs).square().sum(dim=1).double(), smooth).float(), outputs


@pytest.mark.parametrize("smooth", [0, 1.5])
def test_arrays_table_and_threshold_are_those_computed_by_hand(root, run, smooth):
    facts = facts_of(run, "--data", root / "new", "--smooth", smooth, "--fpr", 0.1, "--out", "x/y")
    assert facts["written"] == [f"x/y{ending}" for ending in ENDINGS]
    expected, outputs = maps_by_hand(run, root / "new", smooth)
    maps, reconstructions = np.load("x/y-maps.npy"), np.load("x/y-reconstructions.npy")
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, expected.numpy(), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(reconstructions, outputs.numpy(), rtol=1e-5, atol=1e-6)
    inputs = torch.cat(list(open_user_pictures(root / "new", centred_transform((1, 12, 12))).chunks(5)))
    np.testing.assert_array_equal(np.load("x/y-inputs.npy"), inputs.numpy())  # what the network read, row for row

    normal = maps_by_hand(run, root / "pictures" / "test", smooth)[0].flatten().sort().values
    assert facts["threshold"] == pytest.approx(normal[-1 - int(0.1 * len(normal))].item(), rel=1e-5)
    assert facts["above"] == pytest.approx((maps > facts["threshold"]).mean())
    with open("x/y.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == sorted(f"part{number % 2}/{number}.png" for number in range(9))
    for row, values in zip(rows, maps, strict=True):
        assert float(row["score"]) == pytest.approx(values.sum(), rel=1e-4)
        assert float(row["largest_pixel"]) == values.max() and "dice" not in row
        assert float(row["share_above_threshold"]) == pytest.approx((values > facts["threshold"]).mean())


def files_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_without_arrays_the_other_files_and_numbers_are_the_same(root, run):
    options = (run, "--data", root / "new", "--masks", root / "masks")
    whole = facts_of(*options, "--out", "whole/x")
    few = facts_of(*options, "--out", "few/x", "--no-arrays")
    all_files, files = files_in(Path("whole")), files_in(Path("few"))
    assert files == {name: all_files[name] for name in ("x.csv", "x.png")}
    assert few["bytes"] == sum(map(len, files.values())) < whole["bytes"] == sum(map(len, all_files.values()))
    for facts in (whole, few):
        del facts["written"], facts["bytes"]
    assert few == whole
    facts_of(run, "--data", root / "new", "--out", "whole/x", "--no-arrays")  # no masks: no map is on disk at all
    assert files_in(Path("whole")).keys() == {"x.csv", "x.png"}


def test_it_says_how_much_it_has_written(root, run):
    out = genkit("anomaly", run, "--data", root / "new", "--out", "new/x").out
    size = sum(path.stat().st_size for path in Path("new").iterdir())
    assert_names(out.splitlines()[-1], quantity(size, "B"), "new", "--no-arrays")
    assert "--no-arrays" not in genkit("anomaly", run, "--data", root / "new", "--out", "new/x", "--no-arrays").out


@pytest.mark.parametrize("command", ["anomaly", "encode", "interpolate", "reconstruct", "score"])
def test_pictures_of_the_user_are_described_by_name_and_not_by_place(root, run, command, monkeypatch, never_collapsed):
    drawn = []
    monkeypatch.setattr(image_grid, "_draw", texts_kept(drawn, image_grid._draw))  # of all grids
    result = genkit(command, run, "--data", root / "new", "--out", "x")
    assert result.code == 0, result.err
    assert "of new" in result.out + "".join(drawn) or command == "score"
    assert str(root) not in result.out + result.err + "".join(drawn)
    assert bool(drawn) == (command in ("anomaly", "reconstruct", "interpolate"))


def texts_kept(drawn, function):
    """Return a function that keeps the texts which `function` is to draw."""

    def draw(*arguments, **options):
        drawn.extend(map(str, (*arguments, *options.values())))
        return function(*arguments, **options)

    return draw


def test_the_score_in_the_table_is_that_of_genkit_score(root, run):
    facts_of(run, "--data", root / "new", "--score", "features", "--out", "a")
    assert genkit("score", run, "--data", root / "new", "--score", "features", "--out", "b").code == 0
    with open("a.csv", newline="") as maps, open("b.csv", newline="") as scores:
        of_maps = {row["name"]: row["score"] for row in csv.DictReader(maps)}
        assert of_maps == {row["name"]: row["score"] for row in csv.DictReader(scores) if row["set"] == "new"}


def test_numbers_against_masks_are_those_of_the_metrics(root, run, tmp_path):
    options = ("--data", root / "new", "--masks", root / "masks", "--smooth", 1, "--fpr", 0.2, "--out", "x")
    facts = facts_of(run, *options)
    # The same numbers, from a recipe.
    shutil.copytree(root / "new", tmp_path / "set" / "test")
    shutil.copytree(root / "pictures" / "train", tmp_path / "set" / "train")
    other = (
        f"{{ use = 'masked-folder', path = '{tmp_path / 'set'}', masks = '{root / 'masks'}', resolution = 12, "
        "channels = 1, crop = 'centre' }"
    )
    metrics = {
        name: f"[metrics.{name}]\nuse = '{name}'\nother = {other}\nsmooth = 1.0\n{keys}"
        for name, keys in (("pixel-auroc", ""), ("pixel-auprc", ""), ("dice", ""))
    }
    metrics["at"] = metrics["dice"].replace("[metrics.dice]", "[metrics.at]") + "fpr = 0.2\n"
    written = train(tmp_path / "again", RECIPE.format(path=root / "pictures") + "\n".join(metrics.values()))
    found = {row["label"]: row for row in json.loads((written / "results.json").read_text())}
    for name, fact in (
        ("pixel-auroc", "pixel_auroc"),
        ("pixel-auprc", "pixel_auprc"),
        ("dice", "best_dice"),
        ("at", "dice"),
    ):
        assert facts[fact] == pytest.approx(found[name]["value"], abs=2e-4), name
    assert facts["abnormal"] == pytest.approx(6 * 15 / (9 * 144))
    assert facts["intervals"]["pixel_auroc"][0] < facts["pixel_auroc"] < 1


def test_the_dice_of_a_picture_is_counted(root, run):
    facts = facts_of(run, "--data", root / "new", "--masks", root / "masks", "--out", "x")
    maps = np.load("x-maps.npy")
    with open("x.csv", newline="") as file:
        for row, values in zip(csv.DictReader(file), maps, strict=True):
            mask = np.asarray(Image.open(root / "masks" / row["name"]))[::2, ::2] > 0
            above = values > facts["threshold"]
            expected = 2 * (above & mask).sum() / (above.sum() + mask.sum()) if (above | mask).any() else None
            assert row["dice"] == "" if expected is None else float(row["dice"]) == pytest.approx(expected)


def test_what_is_printed_names_the_files_and_the_numbers(root, run):
    result = genkit("anomaly", run, "--data", root / "new", "--masks", root / "masks", "-n", 3)
    stem = run / "anomaly-error-raw-of-new"
    assert result.code == 0, result.err
    assert_names(result.out, "pixel AUROC", "Dice", "9 pictures", "40 samples of the test split", f"{stem}-maps.npy")
    assert Image.open(f"{stem}.png").width > 300
    small = Image.open(f"{stem}.png").height
    assert genkit("anomaly", run, "--data", root / "new", "-n", 9).code == 0
    large = Image.open(f"{stem}-2.png").height
    assert large > small + 200


def test_masks_that_mark_most_pixels_may_be_inverted(root, run, tmp_path):
    for mask in (root / "masks").rglob("*.png"):
        write_picture(tmp_path / "inverted" / mask.relative_to(root / "masks"), 255 - np.array(Image.open(mask)))
    for masks, remarked in ((root / "masks", False), (tmp_path / "inverted", True)):
        result = genkit("anomaly", run, "--data", root / "new", "--masks", masks, "--out", "maps")
        assert result.code == 0, result.err
        assert ("inverted" in result.out.replace(str(masks), "")) is remarked


def test_memory_holds_no_map_and_chunks_do_not_change_them(root, run, monkeypatch):
    whole = facts_of(run, "--data", root / "new", "--masks", root / "masks", "--out", "a")
    monkeypatch.setattr("genkit.evaluation.draws.CHUNK", 2)
    parts = facts_of(run, "--data", root / "new", "--masks", root / "masks", "--out", "b")
    np.testing.assert_allclose(np.load("a-maps.npy"), np.load("b-maps.npy"), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(np.load("a-inputs.npy"), np.load("b-inputs.npy"))
    assert parts["pixel_auroc"] == pytest.approx(whole["pixel_auroc"], abs=1e-6)
    columns = []
    for name in "ab":
        with open(f"{name}.csv", newline="") as file:
            columns.append([row["dice"] for row in csv.DictReader(file)])
    assert columns[0] == columns[1]
    assert Path("a.png").stat().st_size == pytest.approx(Path("b.png").stat().st_size, rel=0.01)


def test_intervals_are_numbers_where_a_picture_is_abnormal_all_over(root, run, tmp_path):
    for number, rows in enumerate((24, 12)):
        write_picture(tmp_path / "two" / f"{number}.png", noise_picture(24, 24, 1, number))
        mask = np.zeros((24, 24), np.uint8)
        mask[:rows] = 255
        write_picture(tmp_path / "two-masks" / f"{number}.png", mask)
    result = genkit(
        "anomaly", run, "--data", tmp_path / "two", "--masks", tmp_path / "two-masks", "--json", "--out", "x"
    )
    assert result.code == 0, result.err

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    intervals = json.loads(result.out, parse_constant=refuse)["intervals"].values()
    assert any(intervals)
    for low, high in filter(None, intervals):
        assert 0 <= low < high <= 1


def test_masks_without_a_picture_are_remarked_with_their_number_and_an_example(root, run):
    masks = Path(shutil.copytree(root / "masks", "masks"))
    for extra in ("part0/other.png", "part1/2.png"):
        shutil.copy(root / "masks" / "part0" / "0.png", masks / extra)
    result = genkit("anomaly", run, "--data", root / "new", "--masks", masks, "--out", "a")
    assert result.code == 0
    assert_names(result.err, "--masks masks: 2 of 11 masks", "such as part0/other.png")
    assert (
        "no picture" not in genkit("anomaly", run, "--data", root / "new", "--masks", root / "masks", "--out", "b").err
    )


def test_pictures_without_a_mask_may_be_normal(root, run):
    masks = Path(shutil.copytree(root / "masks", "masks"))
    for number in (0, 3, 6):
        (masks / f"part{number % 2}" / f"{number}.png").unlink()
    whole = facts_of(run, "--data", root / "new", "--masks", root / "masks", "--out", "a")
    found = facts_of(run, "--data", root / "new", "--masks", masks, MISSING, "--out", "b")
    assert found["pixel_auroc"] == whole["pixel_auroc"] and found["dice"] == whole["dice"]


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_masks_may_be_arrays_in_a_folder_or_rows_of_one(root, run, dtype):
    whole = facts_of(run, "--data", root / "new", "--masks", root / "masks", "--out", "a")
    names = sorted(path.relative_to(root / "masks") for path in (root / "masks").rglob("*.png"))
    masks = [(np.asarray(Image.open(root / "masks" / name)) > 0).astype(dtype) for name in names]
    for name, mask in zip(names, masks, strict=True):
        (Path("arrays") / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(Path("arrays") / name.with_suffix(".npy"), mask)
    np.save("masks.npy", np.stack(masks))
    np.save("pictures.npy", np.stack([np.asarray(Image.open(root / "new" / name)) for name in names]))
    for place, masks_of in ((root / "new", "arrays"), ("pictures.npy", "masks.npy")):
        found = facts_of(run, "--data", place, "--masks", masks_of, "--out", "b")
        assert found["pixel_auroc"] == whole["pixel_auroc"] and found["dice"] == whole["dice"]
    np.save("none.npy", np.zeros((0, 24, 24), dtype))
    Path("none").mkdir()
    for none in ("none.npy", "none"):
        assert_names(refused_here(run, "--data", "pictures.npy", "--masks", none), f"--masks {none}: no mask")
    np.savez("pictures.npz", pictures=np.load("pictures.npy"))
    written = facts_of(run, "--data", "pictures.npz")["written"]
    assert written[0] == f"{run}/anomaly-error-raw-of-pictures-maps.npy"


def test_the_highest_scores_are_drawn_unless_the_first_are_asked_for(root, run):
    facts = facts_of(run, "--data", root / "new", "-n", 4, "--out", "x")
    with open("x.csv", newline="", encoding="utf-8") as file:
        scores = {row["name"]: float(row["score"]) for row in csv.DictReader(file)}
    assert facts["shown"] == sorted(scores, key=scores.get, reverse=True)[:4]
    assert facts_of(run, "--data", root / "new", "-n", 4, "--first", "--out", "x")["shown"] == list(scores)[:4]


def refused_here(*arguments: object) -> str:
    """Return the message of a refused call, which writes nothing."""
    before = sorted(Path.cwd().rglob("*"))
    message = refused("anomaly", *arguments, "--out", "made/x")
    assert sorted(Path.cwd().rglob("*")) == before
    return message


def test_masks_that_do_not_fit_are_refused(root, run):
    def with_masks(change):
        masks = Path(shutil.copytree(root / "masks", "changed", dirs_exist_ok=True))
        change(masks)
        return refused_here(run, "--data", root / "new", "--masks", masks)

    def grey(masks):
        write_picture(masks / "part0" / "2.png", noise_picture(24, 24, 1))

    def small(masks):
        write_picture(masks / "part0" / "2.png", np.zeros((23, 24), np.uint8))

    def empty(masks):
        for path in masks.rglob("*.png"):
            write_picture(path, np.zeros((24, 24), np.uint8))

    def full(masks):
        for path in masks.rglob("*.png"):
            write_picture(path, np.ones((24, 24), np.uint8))

    def missing(masks):
        (masks / "part1" / "5.png").unlink()

    assert_names(with_masks(grey), "--masks", "part0/2.png", "values")
    assert_names(with_masks(small), "--masks", "part0/2.png", "24 x 23", "24 x 24")
    assert_names(with_masks(empty), "--masks", "normal")
    assert_names(with_masks(full), "--masks", "abnormal")
    assert_names(with_masks(missing), "--masks", "1 of 9", "part1/5.png", MISSING)
    (Path("changed") / "part0" / "extra.png").write_bytes((root / "masks" / "part0" / "0.png").read_bytes())
    message = refused_here(run, "--data", root / "new", "--masks", "changed", MISSING)
    assert_names(message, "--masks", "extra.png")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--score", "elbo"], ["--score elbo", "no map"]),
        (["--score", "erorr"], ["erorr", "error"]),
        (["--set", "score.x=1"], ["[score] x"]),
        (["--smooth", "-1"], ["smooth"]),
        (["--smooth", "13"], ["smooth", "12"]),
        (["--smooth", "nan"], ["smooth"]),
        (["--fpr", "0"], ["--fpr"]),
        (["--fpr", "1e-5"], ["--fpr", "100,000"]),
        (["--weights", "ema"], ["ema"]),
        ([MISSING], [MISSING, "--masks"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_options_without_a_meaning_are_refused(root, run, options, named):
    assert_names(refused_here(run, "--data", root / "new", *options), *named)


def test_places_that_cannot_be_used_are_refused(root, run, tmp_path):
    new, masks = root / "new", root / "masks"
    assert_names(refused_here(run, "--data", new, "--masks", new), "--masks", new)
    assert_names(refused_here(run, "--data", new, "--masks", new / "part0"), "--masks", new)
    assert_names(refused_here(run, "--data", new, "--masks", root / "none"), "--masks", "not found")
    assert_names(refused_here(run, "--data", root / "none"), "--data", "not found")
    assert_names(refused_here(run, "--data", root / "pictures" / "train"), "--data", "trained on")
    for place in (new, masks):
        message = refused("anomaly", run, "--data", new, "--masks", masks, "--out", place / "x")
        assert_names(message, "--out", place)
        assert not list(place.glob("x*"))
    broken = write_folder(tmp_path / "broken", 3)
    (broken / "0001.png").write_bytes(b"no picture")
    assert_names(refused_here(run, "--data", broken), "--data", "0001.png")


def test_models_without_maps_are_refused(root, tmp_path):
    points = train(tmp_path / "points", TINY)
    assert_names(refused_here(points, "--data", root / "new"), "--score error", "images")
    fully = train(
        tmp_path / "fully",
        RECIPE.format(path=root / "pictures").replace(
            'use = "small-conv"\nlatent_dim = 4\nchannels = [4]\nhidden = 8', 'use = "mlp"\nwidth = 16'
        ),
    )
    assert_names(refused_here(fully, "--data", root / "new", "--score", "features"), "--score features", "positions")
    facts_of(fully, "--data", root / "new", "--out", "x")


def test_maps_that_are_not_finite_are_refused(root, run, monkeypatch):
    of_class = Error.map

    def broken(self, model, x, noise, /):
        maps = of_class(self, model, x, noise)
        bright = x.flatten(1).amax(dim=1) > 0.26  # which no normal picture is
        return torch.where(bright[:, None, None], torch.nan, maps)

    monkeypatch.setattr(Error, "map", broken)
    message = refused_here(run, "--data", root / "new", "--masks", root / "masks")
    assert_names(message, "new: ", "6 of 9", "part0/2.png", "not finite")
