"""``genkit eval``: of a run or a final folder, its own metrics, some of them, or others by name."""

import json

import pytest
from support.commands import TINY, genkit, write_recipe

TEXT = (
    TINY
    + """
[metrics.mine]
use = "high-quality"
samples = 100
radius = 2.0

[evaluate]
every = 5
best = "mine"
"""
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        said = genkit("run", write_recipe(root, TEXT), "-q", "--runs", root)
    assert said.code == 0, said.err
    return root / "0001-tiny-s0"


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    monkeypatch.setenv("GENKIT_PLUGINS", "none")


def results(*arguments):
    said = genkit("eval", *arguments, "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)["results"]


def test_without_names_it_computes_what_the_run_did(run):
    assert results(run) == json.loads((run / "results.json").read_text())


def test_labels_of_the_run_come_with_its_keys_and_other_metrics_with_their_defaults(run):
    (mine,) = results(run, "--metrics", "mine")
    assert mine["protocol"]["details"]["radius"] == 2.0 and mine["protocol"]["samples"] == 100
    (other,) = results(run, "--metrics", "high-quality")
    assert other["protocol"]["details"]["radius"] == 3.0 and other["protocol"]["samples"] == 50_000
    asked = results(run, "--metrics", "reconstruction-error, modes")
    assert [each["label"] for each in asked] == ["reconstruction-error", "modes"]


def test_names_and_overrides_go_together(run):
    (one,) = results(run, "--metrics", "active-units", "--set", "metrics.active-units.samples=50")
    assert one["protocol"]["samples"] == 50
    (new,) = results(run, "--metrics", "error", "--set", "metrics.error.use=reconstruction-error")
    assert new["label"] == "error"


@pytest.mark.parametrize("place", ["", "final", "best"])
def test_a_run_and_its_folders_of_weights_are_all_measured(run, place):
    assert results(run / place) == results(run)


def test_a_folder_of_weights_is_measured_without_its_run(run, tmp_path):
    moved = tmp_path / "given-away"
    moved.mkdir()
    for path in (run / "final").iterdir():
        (moved / path.name).write_bytes(path.read_bytes())
    assert results(moved, "--metrics", "mine") == results(run, "--metrics", "mine")


def test_an_unknown_name_is_told_with_the_near_miss(run):
    for name, near in (("mode", "modes"), ("min", "mine"), ("histogram-lk", "histogram-kl")):
        said = genkit("eval", run, "--metrics", name)
        assert (said.code, said.out) == (2, "")
        assert f"--metrics {name}: the recipe labels no metric" in said.err and near in said.err


def test_a_metric_that_needs_what_the_data_lack_is_told_by_its_plan(run):
    said = genkit("eval", run, "--metrics", "modes", "--set", "metrics.modes.min_share=0.5")
    lines = (run / "final" / "recipe.toml").read_text().splitlines()
    place = f"final/recipe.toml:{lines.index('[metrics.modes]') + 1} and --set [metrics] modes: "
    assert said.code == 2 and f"{place}min_share = 0.5 " in said.err


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        (["--metrics", "density"], "error: --metrics [metrics.density] features: missing"),
        (["--set", "metrics.density.k=2"], "error: --set [metrics.density] features: missing"),
        (["--metrics", "density", "--set", "metrics.density.features=3"], "error: --set [metrics.density] features: "),
    ],
)
def test_a_metric_without_its_extractor_is_told_where_it_was_asked_for_and_which_there_are(run, asked, place):
    said = genkit("eval", run, *asked)
    assert said.code == 2 and said.err.startswith(place)
    assert "Known extractors: digits, inception, pixels." in said.err


@pytest.mark.parametrize("names", ["", " , "])
def test_no_name_at_all_is_refused_with_those_that_there_are(run, names):
    said = genkit("eval", run, "--metrics", names)
    assert said.code == 2 and "--metrics: names no metric. Known: active-units, " in said.err and "mine" in said.err


def test_an_override_without_a_value_is_told_with_one_that_an_evaluation_takes(run):
    for override in ("foo", "metrics", "data.=3"):
        said = genkit("eval", run, "--set", override)
        assert f"--set {override}: expected table.key=value, for example --set metrics.psnr.samples=100" in said.err
