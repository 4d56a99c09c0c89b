"""Intervals over groups: `genkit score` and `anomaly` with groups of the recipe and of --groups, and the metrics."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.commands import IMAGES, genkit, refused, write_recipe
from support.messages import assert_names
from support.pictures import noise_picture, write_picture

from genkit.bases.metrics.ranking import auroc, with_interval

pytestmark = pytest.mark.trains

KEYS = 'use = "image-folder"\npath = "{root}/pictures"\nresolution = 12\nchannels = 1\ngroups = "{root}/patients.csv"'


@pytest.fixture(autouse=True)
def _isolated(isolated):
    """Run each test in an empty folder."""


def write_groups(path: Path, groups: dict[str, str], **columns: dict[str, str]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "group", *columns))
        writer.writerows(
            (name, group, *(values[group] for values in columns.values())) for name, group in groups.items()
        )
    return path


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("groups")
    normal = {f"{k}.png": f"p{k // 5}" for k in range(100)}  # five pictures of each patient
    splits = {f"p{k}": "test" if k % 2 else "train" for k in range(20)}
    for number, name in enumerate(normal):
        write_picture(root / "pictures" / name, noise_picture(12, 12, 1, number) // 3)
    write_groups(root / "patients.csv", normal, split=splits)
    for number in range(12):
        write_picture(root / "odd" / f"{number}.png", noise_picture(12, 12, 1, 300 + number) // 3 + 4 * (number // 3))
        write_picture(root / "other" / f"{number}.png", noise_picture(12, 12, 1, 400 + number) // 3)
        mask = np.zeros((12, 12), np.uint8)
        mask[2:6, 3 : 4 + number % 5] = 255
        write_picture(root / "masks" / f"{number}.png", mask)
    write_groups(root / "odd.csv", {f"{k}.png": f"q{k // 3}" for k in range(12)})
    return root


@pytest.fixture(scope="module")
def run(root) -> Path:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        patched.setenv("GENKIT_CACHE", str(root / "cache"))
        recipe = IMAGES.replace('use = "digits"', KEYS.format(root=root))
        result = genkit("run", write_recipe(root, recipe), "--runs", root / "runs", "-q")
    assert result.code == 0, result.err
    return root / "runs" / "0001-tiny-s0"


def facts_of(command: str, *arguments: object) -> dict:
    result = genkit(command, *arguments, "--out", "x", "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def scores_of(name: str) -> tuple[list[str], torch.Tensor]:
    with open("x.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["set"] == name]
    return [row["name"] for row in rows], torch.tensor([float(row["score"]) for row in rows]).double()


@pytest.mark.parametrize("given", [True, False])
def test_the_interval_of_scores_is_over_the_groups(root, run, given):
    [normal, odd] = facts_of("score", run, "--data", root / "odd", *(["--groups", root / "odd.csv"] * given))["sets"]
    assert (normal["groups"], odd["groups"]) == (10, 4 if given else None)
    (names, of_normal), (_, of_odd) = scores_of("held-out"), scores_of("odd")
    groups = [f"p{int(Path(name).stem) // 5}" for name in names]
    of_both = groups, [f"q{k // 3}" for k in range(12)] if given else None
    expected = with_interval(auroc, of_normal, of_odd, of_both)
    assert odd["auroc"] == expected and tuple(odd["auroc_interval"]) == expected.interval
    assert expected.interval != with_interval(auroc, of_normal, of_odd).interval
    assert_names(odd["interval"], "10 groups", "4 groups" if given else "single pictures")
    assert "10 groups" in genkit("score", run, "--data", root / "odd", "--out", "x").out


def test_sets_with_files_of_one_name_have_groups_by_the_name_of_the_set(root, run):
    by_set = {
        f"{place}/{k}.png": f"{place}{k // 2 if place == 'odd' else 0}" for place in ("odd", "other") for k in range(12)
    }
    places = ("--data", root / "odd", "--data", root / "other", "--groups", write_groups(Path("both.csv"), by_set))
    sets = facts_of("score", run, *places)["sets"]
    assert [each["groups"] for each in sets] == [10, 6, 1]
    assert sets[2]["auroc_interval"] is None  # one group does not vary
    normal = facts_of(
        "score", run, "--data", root / "odd", "--normal", root / "other", "--groups", "both.csv", "--fpr", 0.1
    )
    assert [each["groups"] for each in normal["sets"]] == [1, 6]


def test_rows_of_arrays_have_groups_by_their_number(root, run):
    np.save("rows.npy", np.stack([noise_picture(12, 12, 1, k) for k in range(6)]))
    groups = write_groups(Path("rows.csv"), {str(k): "ab"[k % 2] for k in range(6)})
    assert facts_of("score", run, "--data", "rows.npy", "--groups", groups)["sets"][1]["groups"] == 2


def test_the_interval_of_maps_is_over_the_groups(root, run):
    call = (run, "--data", root / "odd", "--masks", root / "masks")
    of_groups = facts_of("anomaly", *call, "--groups", root / "odd.csv")
    of_pictures = facts_of("anomaly", *call)
    assert of_groups["pixel_auroc"] == of_pictures["pixel_auroc"]
    for name, interval in of_groups["intervals"].items():
        assert interval != of_pictures["intervals"][name]
    assert_names(of_groups["interval"], "4 groups")
    assert_names(of_pictures["interval"], "of pictures")
    assert "4 groups" in genkit("anomaly", *call, "--groups", root / "odd.csv", "--out", "x").out


def test_the_protocols_of_metrics_name_the_groups(root, run):
    other = {"use": '"image-folder"', "path": f'"{root}/odd"', "hold_out": f'"{root}/other"', "resolution": 12}
    keys = [f"metrics.x.other.{key}={value}" for key, value in {**other, "channels": 1}.items()]
    options = [part for key in (*keys, "metrics.x.use=auroc", "metrics.x.score=error") for part in ("--set", key)]
    result = genkit("eval", run, "--metrics", "x", *options, "--json")
    assert result.code == 0, result.err
    [metric] = json.loads(result.out)["results"]
    assert_names(metric["protocol"]["details"]["interval"], "of groups")
    [_, scored] = facts_of("score", run, "--data", root / "other", "--score", "error")["sets"]
    assert (metric["value"], metric["interval"]) == (scored["auroc"], scored["auroc_interval"])


@pytest.mark.parametrize("command", ["score", "anomaly"])
def test_groups_that_do_not_fit_are_refused(root, run, command):
    call = (command, run, "--data", root / "odd", "--groups")
    Path("no_column.csv").write_text("name,patient\n1.png,a\n")
    assert_names(refused(*call, "no_column.csv"), "--groups: ", "no_column.csv", "file", "group")
    assert_names(refused(*call, "nowhere.csv"), "--groups: ", "nowhere.csv")
    some = write_groups(Path("some.csv"), {f"{k}.png": "a" for k in range(10)})
    assert_names(refused(*call, some), "--groups: ", "2 of 12 pictures", "10.png", "11.png")
    assert not list(Path().glob("*.npy")) and not list(run.glob("scores*"))
