"""`genkit score`: the numbers, the files and every refusal."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from support.commands import IMAGES, TINY, genkit, refused, write_recipe
from support.messages import assert_names
from support.pictures import noise_picture, write_folder, write_picture
from torch import nn

from genkit import __version__
from genkit.bases.pictures.user_pictures import centred_transform, open_user_pictures
from genkit.runs.trained_models import load as python

pytestmark = pytest.mark.trains

RECIPE = IMAGES.replace('use = "digits"', 'use = "image-folder"\npath = "{path}"\nresolution = 12\nchannels = 1')


@pytest.fixture(autouse=True)
def _isolated(isolated):
    """Run each test in an empty folder."""


def train(root: Path, recipe: str, *options: str) -> Path:
    root.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        patched.setenv("GENKIT_CACHE", str(root / "cache"))
        result = genkit("run", write_recipe(root, recipe), "--runs", root / "runs", "-q", *options)
    assert result.code == 0, result.err
    return root / "runs" / "0001-tiny-s0"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("score")
    write_folder(root / "pictures" / "train", 60)
    write_folder(root / "pictures" / "test", 40, start=100)
    for number in range(9):
        write_picture(root / "dark" / "deep" / f"{number}.png", noise_picture(12, 12, 3, number) // 9)
        write_picture(root / "other" / "dark" / f"{number}.png", noise_picture(30, 20, 1, number))
    return root


@pytest.fixture(scope="module")
def run(root) -> Path:
    return train(root, RECIPE.format(path=root / "pictures"))


def facts_of(*arguments: object) -> dict:
    result = genkit("score", *arguments, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def scores_by_hand(run: Path, folder: Path) -> torch.Tensor:
    """Return squared error + KL at the posterior mean, one picture at a time."""
    model, found = python.load(run), []
    pictures = open_user_pictures(folder, centred_transform((1, 12, 12)))
    for index in range(len(pictures)):
        with torch.no_grad():
            x = pictures.chunk(index, 1)
            mu, logvar = model.encoder(x)
            kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()
            found.append(((x - model.decoder(mu)) ** 2).sum() + kl)
    return torch.stack(found).double()


def test_files_and_numbers_are_those_of_a_computation_by_hand(run, root):
    facts = facts_of(run, "--data", root / "dark", "--fpr", 0.1, "--out", "own/a.csv")
    assert facts["written"] == ["own/a.csv", "own/a.jsonl", "own/a.png"]
    normal, dark = scores_by_hand(run, root / "pictures" / "test"), scores_by_hand(run, root / "dark")
    threshold = normal.sort().values[35].item()  # 4 of 40 are above
    assert facts["threshold"] == pytest.approx(threshold, rel=1e-5)
    held_out, other = facts["sets"]
    assert (held_out["set"], held_out["pictures"], held_out["above"]) == ("held-out", 40, 4)
    assert (other["set"], other["pictures"], other["above"]) == ("dark", 9, int((dark > threshold).sum()))
    assert other["median"] == pytest.approx(dark.median().item(), rel=1e-5)
    wins = (dark[:, None] > normal).double() + 0.5 * (dark[:, None] == normal).double()
    assert other["auroc"] == pytest.approx(wins.mean().item(), abs=1e-9)
    assert (other["auroc_interval"] is None) is (other["auroc"] in (0, 1))
    at_95 = normal.ge(dark.sort().values[0]).double().mean().item()  # 95 % of 9 are all of them
    assert other["fpr_at_95_tpr"] == pytest.approx(at_95)

    with open("own/a.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in Path("own/a.jsonl").read_text().splitlines()]
    assert [row["set"] for row in rows] == ["held-out"] * 40 + ["dark"] * 9
    assert [row["name"] for row in rows[40:]] == [f"deep/{number}.png" for number in range(9)]
    for row, line in zip(rows, lines, strict=True):
        assert (float(row["score"]), row["name"], row["set"]) == (line["score"], line["name"], line["set"])
        assert float(row["threshold"]) == line["threshold"] == facts["threshold"]
        assert (row["abnormal"] == "yes") == line["abnormal"] == (line["score"] > line["threshold"])
    assert torch.tensor([line["score"] for line in lines]).double() == pytest.approx(
        torch.cat([normal, dark]), rel=1e-5
    )


def test_the_metric_of_the_same_pictures_is_the_same_number(run, root):
    facts = facts_of(run, "--data", root / "other", "--score", "error", "--weights", "raw")
    other = {"use": '"image-folder"', "path": f'"{root}/other"', "hold_out": f'"{root}/dark"', "resolution": 12}
    keys = [f"metrics.x.other.{key}={value}" for key, value in {**other, "channels": 1, "crop": '"none"'}.items()]
    keys += ["metrics.x.score=error", "metrics.x.other_split=train"]
    options = [option for key in keys for option in ("--set", key)]
    for name, found in (("auroc", "auroc"), ("auprc", "auprc"), ("fpr-at-tpr", "fpr_at_95_tpr")):
        result = genkit("eval", run, "--metrics", "x", *options, "--set", f"metrics.x.use={name}", "--json")
        assert result.code == 0, result.err + result.out
        [metric] = json.loads(result.out)["results"]
        assert metric["value"] == facts["sets"][1][found]
        if name == "auroc":
            assert list(metric["interval"]) == facts["sets"][1]["auroc_interval"]


def test_several_sets_have_a_row_each_and_names_that_differ(run, root):
    write_folder(Path("held-out"), 2)
    np.save("x.npy", np.stack([noise_picture(12, 12, 1, seed) for seed in range(3)]))
    places = [root / "dark", root / "other" / "dark", "held-out", "x.npy", root / "dark" / "deep" / "1.png"]
    facts = facts_of(run, *(option for place in places for option in ("--data", place)))
    names = [each["set"] for each in facts["sets"]]
    assert names == ["held-out", f"{root.name}/dark", "other/dark", f"{Path.cwd().name}/held-out", "x.npy", "1.png"]
    assert [each["pictures"] for each in facts["sets"]] == [40, 9, 9, 2, 3, 1]
    assert facts["written"][0] == f"{run}/scores-elbo-raw-of-{root.name}-dark-and-4-more.csv"
    assert facts_of(run, "--data", "x.npy")["written"][0] == f"{run}/scores-elbo-raw-of-x.csv"
    [alone] = facts_of(run, "--data", places[1])["sets"][1:]
    assert alone["median"] == facts["sets"][2]["median"]  # a score depends on no other picture


@pytest.mark.parametrize("shape", [(12, 12, 5), (12, 10, 3), (9, 12, 1), (5, 5, 12)])
def test_an_array_that_can_be_read_in_two_ways_is_refused(run, shape):
    np.save("x.npy", np.zeros(shape, np.uint8))
    for command in ("score", "anomaly", "encode", "reconstruct", "interpolate"):
        message = refused(command, run, "--data", "x.npy")
        assert_names(message, "--data x.npy: ", str(shape), "(N, 1, H, W)")
    if shape[2] not in (1, 3, 4):  # four dimensions say it
        np.save("x.npy", np.zeros((shape[0], 1, *shape[1:]), np.uint8))
        assert genkit("encode", run, "--data", "x.npy", "--out", "y").code == 0


def test_how_an_array_is_read_is_stated(run):
    np.save("x.npy", np.stack([noise_picture(14, 12, 1, seed) for seed in range(6)]))
    for command in ("score", "anomaly", "encode", "reconstruct", "interpolate"):
        result = genkit(command, run, "--data", "x.npy", "--out", "y")
        assert_names(result.err, "--data x.npy: ", "6 pictures", "grey", "14 high", "12 wide")


def test_normal_pictures_of_the_user_replace_the_held_out_split(run, root, monkeypatch):
    facts = facts_of(run, "--data", root / "dark", "--normal", root / "pictures" / "test", "--fpr", 0.1)
    held_out = facts_of(run, "--data", root / "dark", "--fpr", 0.1)
    assert facts["threshold"] == held_out["threshold"]
    assert [each["set"] for each in facts["sets"]] == ["test", "dark"]
    copied = shutil.copytree(run / "final", "copied")
    moved = ("--set", "data.path=nowhere")
    refused("score", copied, "--data", root / "dark", *moved)
    without = facts_of(copied, "--data", root / "dark", "--normal", root / "pictures" / "test", "--fpr", 0.1, *moved)
    assert without["threshold"] == facts["threshold"]


def test_a_score_has_keys_and_may_be_fitted(run, root):
    facts = facts_of(run, "--data", root / "dark", "--score", "mahalanobis", "--set", "score.samples=60")
    assert all(each["median"] > 0 for each in facts["sets"])
    assert "scores-mahalanobis-raw-of-dark" in facts["written"][0]
    weighted = facts_of(run, "--data", root / "dark", "--set", "score.beta_kl=0", "--out", "a")
    assert_names(weighted["score"], "elbo", "beta_kl 0")
    assert (
        weighted["threshold"] == facts_of(run, "--data", root / "dark", "--score", "error", "--out", "a")["threshold"]
    )


def test_the_output_and_the_facts_name_what_the_score_depends_on(root, tmp_path):
    prior = "[model.prior]\nuse = 'mixture'\ncomponents = 2\n"
    changes = (("hidden = 8\n", "hidden = 8\nerror = 'l1'\n"), ("[loss]", f"{prior}[loss]\nbeta_kl = 0.5"))
    recipe = RECIPE.format(path=root / "pictures")
    for old, new in changes:
        assert recipe.count(old) == 1
        recipe = recipe.replace(old, new)
    own = train(tmp_path / "own", recipe)
    options = ("--data", root / "dark", "--score", "log-likelihood")
    facts = facts_of(own, *options, "--out", "a")
    assert facts["score"] == "log-likelihood (draws 5)" and facts["implied"] == {"variance": 2.0}
    assert facts["error"] == "l1" and facts["prior"].startswith("mixture of 2 Gaussians")
    said = genkit("score", own, *options, "--out", "b").out
    assert_names(" ".join(said.split()), "log-likelihood (draws 5)", "implied variance 2", "l1", "prior mixture of 2")
    assert_names(genkit("score", own, "--data", root / "dark", "--out", "b").err, "--score elbo", "score.beta_kl=0.5")
    chosen = genkit("score", own, "--data", root / "dark", "--out", "b", "--set", "score.beta_kl=1")
    assert chosen.code == 0 and "[loss]" not in chosen.err
    said = genkit("anomaly", own, "--data", root / "dark", "--out", "c").out
    assert_names(said, "score error, error of the model l1, prior mixture of 2")
    facts = json.loads(genkit("anomaly", own, "--data", root / "dark", "--out", "d", "--json").out)
    assert (facts["score"], facts["error"], facts["implied"]) == ("error", "l1", {})


def test_the_defaults_of_a_model_are_not_named_in_the_output_but_in_the_facts(run, root):
    facts = facts_of(run, "--data", root / "dark", "--out", "a")
    assert (facts["error"], facts["prior"], facts["implied"]) == ("squared-error", "N(0, I)", {})
    result = genkit("score", run, "--data", root / "dark", "--out", "a")
    assert "N(0, I)" not in result.out and "squared" not in result.out and "[loss]" not in result.err


def test_perfectly_separated_pictures_have_no_interval_and_the_reason_is_said(run, root):
    np.save("white.npy", np.full((6, 12, 12), 255, np.uint8))
    options = ("--data", "white.npy", "--score", "error", "--out", "a")
    separated = facts_of(run, *options)["sets"][1]
    assert separated["auroc"] == 1 and separated["auroc_interval"] is None
    assert_names(separated["interval"], "none", "replicates", "equal")
    said = genkit("score", run, *options)
    assert_names(said.out, "1.0000 (no interval)", f"Interval of white.npy: {separated['interval']}.")


def test_pictures_of_another_size_or_depth_are_remarked_with_an_example(run, root):
    write_picture(Path("x") / "same.png", noise_picture(12, 12, 1))
    write_picture(Path("x") / "large.png", noise_picture(48, 48, 1))
    write_picture(Path("x") / "small.png", noise_picture(8, 8, 1))
    write_picture(Path("x") / "wide.png", noise_picture(30, 50, 1))
    write_picture(Path("x") / "deep.png", np.full((12, 12), 40_000, np.uint16))
    options = ("score", run, "--data", "x", "--out", "a")
    err = genkit(*options).err
    assert_names(err, "--data x: 1 of 5 pictures is stretched", "such as wide.png (50 x 30)")
    assert_names(err, "1 of 5 pictures is enlarged to the 12 x 12", "small.png (8 x 8)", "deep.png (12 x 12)", "8")
    assert not any(name in err for name in ("same.png", "large.png", "held-out"))
    cropped = genkit(*options, "--set", "data.crop=centre", "--normal", root / "pictures" / "test").err
    assert_names(cropped, "1 of 5 pictures is cropped", "wide.png (50 x 30)")
    assert "stretched" not in cropped


def test_the_output_names_the_threshold_and_the_normal_pictures(run, root):
    result = genkit("score", run, "--data", root / "dark", "--out", "a")
    assert_names(result.out, "2 of 40 samples of the test split", "0.05", "threshold", "a.csv", "a.jsonl", "a.png")


def test_the_same_call_writes_the_same_bytes(run, root):
    for place in ("a", "b"):
        facts_of(run, "--data", root / "dark", "--score", "log-likelihood", "--out", place)
    for ending in ("csv", "jsonl", "png"):
        assert Path(f"a.{ending}").read_bytes() == Path(f"b.{ending}").read_bytes()


# Refusals. Nothing is written.


def nothing_written(run: Path, *arguments: object) -> str:
    before = {path for place in (Path.cwd(), run) for path in place.rglob("*")}
    message = refused("score", run, *arguments)
    assert {path for place in (Path.cwd(), run) for path in place.rglob("*")} == before
    return message


MISTAKES = [
    (["--data", "{root}/dark", "--fpr", "0.01"], ["--fpr 0.01: ", "40", "100"]),
    (["--data", "{root}/dark", "--fpr", "0"], ["--fpr 0: "]),
    (["--data", "{root}/dark", "--fpr", "1"], ["--fpr 1: "]),
    (["--data", "{root}/dark", "--fpr", "nan"], ["--fpr nan: "]),
    (["--data", "{root}/dark", "--normal", "{root}/other", "--fpr", ".05"], ["--fpr 0.05: ", "9", "20"]),
    (["--data", "{root}/none"], ["--data {root}/none: not found"]),
    (["--data", "{root}"], ["--data {root}: ", "trained on 60 of the 118 pictures", "pictures/train/0000.png"]),
    (["--data", "{root}/pictures/train"], ["--data {root}/pictures/train: ", "trained on", "0000.png"]),
    (["--data", "{root}/pictures/train/0003.png"], ["--data {root}/pictures/train/0003.png: ", "trained on"]),
    (["--data", "{root}/pictures/test"], ["--data {root}/pictures/test: ", "held-out"]),
    (
        ["--data", "{root}/dark", "--normal", "{root}/pictures/train"],
        ["--normal {root}/pictures/train: ", "trained"],
    ),
    (["--data", "{root}/dark", "--normal", "{root}/dark"], ["--data {root}/dark: ", "--normal {root}/dark"]),
    (["--data", "{root}/dark", "--normal", "{root}/dark/deep"], ["--data {root}/dark: ", "--normal"]),
    (["--data", "{root}/dark", "--data", "{root}/other/../dark"], ["--data {root}/other/../dark: given twice"]),
    (["--data", "{root}/dark", "--score", "elbow"], ["--score [score] use: ", '"elbow"', "elbo"]),
    (["--data", "{root}/dark", "--set", "score.beta_klo=1"], ["--set [score] beta_klo: ", "beta_kl"]),
    (["--data", "{root}/dark", "--set", "score.beta_kl=-1"], ["--set [score] beta_kl: ", "-1"]),
    (["--data", "{root}/dark", "--set", "score=kl"], ["--set score=kl: ", "--score NAME"]),
    (["--data", "{root}/dark", "--set", "score.use=kl"], ["--set score.use=kl: ", "--score NAME"]),
    (["--data", "{root}/dark", "--set", "train.steps=3"], ["--set train.steps=3: "]),
    (["--data", "{root}/dark", "--score", "mahalanobis"], ["2000 samples", "60", "Set samples"]),
    (["--data", "{root}/dark", "--out", "{root}/dark/x"], ["--out {root}/dark/x: ", "--data"]),
    (["--data", "{root}/dark", "--out", "{root}/pictures/x"], ["--out {root}/pictures/x: ", "[data] path"]),
    (["--data", "{root}/dark", "--normal", "{root}/other", "--out", "{root}/other/x"], ["--out {root}/other/x: "]),
    (["--data", "{root}/dark", "--weights", "ema"], ["ema"]),
    ([], ["--data"]),
]


@pytest.mark.parametrize(("options", "named"), MISTAKES)
def test_mistakes_are_named(run, root, options, named):
    message = nothing_written(run, *(option.format(root=root) for option in options))
    assert_names(message, *(name.format(root=root) for name in named))
    assert not list(root.rglob("x.*"))


def test_messages(run, root, golden):
    found = []
    for options, _ in MISTAKES:
        text = nothing_written(run, *(option.format(root=root) for option in options))
        text = text.replace(str(root), "ROOT").replace(__version__, "VERSION")
        found.append(f"$ genkit score RUN {' '.join(options).format(root='ROOT')}\n{text}")
    golden("cli_score", "\n".join(found))


def test_a_folder_of_the_name_of_a_file_is_refused_before_any_file_is_written(run, root):
    Path("a.png").mkdir()
    assert_names(nothing_written(run, "--data", root / "dark", "--out", "a"), "a.png: ", "folder", "--out")
    Path("file").write_text("")
    assert_names(nothing_written(run, "--data", root / "dark", "--out", "file/a"), "file/a", "--out")


@pytest.mark.parametrize("command", ["score", "encode"])
def test_an_interrupted_command_leaves_nothing(run, root, monkeypatch, command):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("genkit.core.diag_normal.DiagNormal.__new__", interrupt)
    result = genkit(command, run, "--data", root / "dark", "--out", "new/a")
    assert result.code == 130 and "nothing was written" in result.err and not list(Path.cwd().iterdir())


def test_names_are_written_in_printable_characters(run):
    for name in ('a,"b".png', "line\nbreak.png", os.fsdecode(b"\xff.png"), "=1+1.png", "é.png"):
        write_picture(Path("odd", "x,y", name), noise_picture(12, 12))
    facts_of(run, "--data", "odd", "--out", "a")
    rows = list(csv.DictReader(Path("a.csv").read_text("utf-8").splitlines()))
    lines = [json.loads(line)["name"] for line in Path("a.jsonl").read_text("utf-8").splitlines()]
    assert [row["name"] for row in rows] == lines
    expected = {'a,"b".png', r"line\nbreak.png", r"\udcff.png", "=1+1.png", "é.png"}
    assert set(lines[40:]) == {f"x,y/{name}" for name in expected}


def test_a_link_to_a_training_picture_is_found(run, root):
    write_folder(Path("mixed"), 2)
    Path("mixed/linked.png").symlink_to(root / "pictures" / "train" / "0005.png")
    message = nothing_written(run, "--data", "mixed")
    assert_names(message, "trained on 1 of the 3 pictures", "mixed/linked.png")


def test_unusable_pictures_are_listed_together(run, root):
    write_folder(Path("mixed"), 3)
    write_picture(Path("mixed/dot.png"), noise_picture(1, 1))
    Path("mixed/text.png").write_text("no picture")
    assert_names(nothing_written(run, "--data", "mixed"), "--data mixed: 2 of 5", "dot.png: ", "text.png: ")
    Path("empty").mkdir()
    assert_names(nothing_written(run, "--data", "empty"), "--data empty: no picture")
    np.save("x.npy", np.full((3, 12, 12), np.nan))
    assert_names(nothing_written(run, "--data", "x.npy"), "--data x.npy: 3 of 3", "row 0: ")
    assert_names(
        nothing_written(run, "--data", root / "dark", "--normal", "mixed", "--fpr", ".5"), "--normal mixed: 2 of"
    )


def test_the_crop_of_the_run_holds_for_the_pictures_of_the_user(root, tmp_path):
    text = RECIPE.format(path=root / "pictures")
    cropped = train(tmp_path, text.replace("channels = 1", "channels = 1\ncrop = 12", 1))
    write_folder(Path("mixed"), 2, size=20)
    write_picture(Path("mixed/small.png"), noise_picture(11, 30))
    assert_names(nothing_written(cropped, "--data", "mixed"), "mixed: 1 of 3", "small.png: 30 x 11", "crop = 12")
    Path("mixed/small.png").unlink()
    assert facts_of(cropped, "--data", "mixed")["sets"][1]["pictures"] == 2


def test_scores_that_are_not_finite_are_refused(run, root, monkeypatch):
    def broken(score, model, x, noise):
        return torch.where(x.flatten(1).mean(dim=1) < 0.3, torch.nan, 1.0)  # the dark ones

    monkeypatch.setattr("genkit.parts.scores.elbo.ELBO.__call__", broken)
    message = nothing_written(run, "--data", root / "other", "--data", root / "dark", "--out", "a")
    assert_names(message, "dark: ", "9 of 9", "deep/0.png", "not finite")
    monkeypatch.setattr("genkit.parts.scores.elbo.ELBO.__call__", lambda score, model, x, noise: x)
    assert_names(nothing_written(run, "--data", root / "dark", "--out", "a"), "held-out: ", "ELBO", "(B,)")


def test_models_that_cannot_score_are_refused(root, run, tmp_path, monkeypatch):
    points = train(tmp_path, TINY)
    assert_names(nothing_written(points, "--data", root / "dark"), f"--data {root}/dark: ", "(2,)")
    ssim = train(tmp_path / "ssim", RECIPE.format(path=root / "pictures"), "--set", "model.error=ssim")
    message = nothing_written(ssim, "--data", root / "dark", "--score", "log-likelihood")
    assert_names(message, "--score log-likelihood: ", "no density")
    monkeypatch.setattr(
        "genkit.runs.trained_models.trained.load_saved", lambda *_: nn.Identity()
    )  # a model without an encoder
    assert_names(nothing_written(run, "--data", root / "dark"), f"{run}: ", "no encoder")
