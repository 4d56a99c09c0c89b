"""`genkit eval`: the metrics of a run or of a model folder, some of them, or others by name."""

import json

import pytest
from support.commands import TINY, genkit, refused, write_recipe
from support.messages import assert_names

pytestmark = [pytest.mark.trains, pytest.mark.usefixtures("isolated")]

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
    root = tmp_path_factory.mktemp("evaluated")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        result = genkit("run", write_recipe(root, TEXT), "-q", "--runs", root)
    assert result.code == 0, result.err
    return root / "0001-tiny-s0"


def results(*arguments):
    result = genkit("eval", *arguments, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)["results"]


def test_without_names_the_metrics_of_the_run_are_computed(run):
    assert results(run) == json.loads((run / "results.json").read_text())


def test_labels_of_the_run_have_its_keys_and_other_metrics_their_defaults(run):
    (mine,) = results(run, "--metrics", "mine")
    assert mine["protocol"]["details"]["radius"] == 2.0 and mine["protocol"]["samples"] == 100
    (other,) = results(run, "--metrics", "high-quality")
    assert other["protocol"]["details"]["radius"] == 3.0 and other["protocol"]["samples"] == 50_000
    asked = results(run, "--metrics", "reconstruction-error, modes")
    assert [each["label"] for each in asked] == ["reconstruction-error", "modes"]


def test_names_and_overrides_can_be_combined(run):
    (one,) = results(run, "--metrics", "active-units", "--set", "metrics.active-units.samples=50")
    assert one["protocol"]["samples"] == 50
    (new,) = results(run, "--metrics", "error", "--set", "metrics.error.use=reconstruction-error")
    assert new["label"] == "error"


@pytest.mark.parametrize("place", ["", "final", "best"])
def test_a_run_and_its_model_folders_can_be_evaluated(run, place):
    assert results(run / place) == results(run)


def test_a_model_folder_can_be_evaluated_without_its_run(run, tmp_path):
    moved = tmp_path / "copied"
    moved.mkdir()
    for path in (run / "final").iterdir():
        (moved / path.name).write_bytes(path.read_bytes())
    assert results(moved, "--metrics", "mine") == results(run, "--metrics", "mine")


@pytest.mark.parametrize(("name", "near"), [("mode", "modes"), ("min", "mine"), ("histogram-lk", "histogram-kl")])
def test_an_unknown_name_is_refused_with_a_suggestion(run, name, near):
    assert_names(refused("eval", run, "--metrics", name), f"--metrics {name}: ", "Did you mean", near)


def test_a_metric_that_the_data_do_not_suit_is_refused_with_its_place(run):
    message = refused("eval", run, "--metrics", "modes", "--set", "metrics.modes.min_share=0.5")
    lines = (run / "final" / "recipe.toml").read_text().splitlines()
    place = f"final/recipe.toml:{lines.index('[metrics.modes]') + 1} and --set [metrics] modes: "
    assert_names(message, f"{place}min_share = 0.5 ")


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        (["--metrics", "density"], "--metrics [metrics.density] features: "),
        (["--set", "metrics.density.k=2"], "--set [metrics.density] features: "),
        (["--metrics", "density", "--set", "metrics.density.features=3"], "--set [metrics.density] features: "),
    ],
)
def test_a_metric_without_its_extractor_is_refused_with_its_place_and_the_known_ones(run, asked, place):
    message = refused("eval", run, *asked)
    assert message.startswith(f"error: {place}")
    assert_names(message, "digits, inception, pixels")


@pytest.mark.parametrize("names", ["", " , "])
def test_an_empty_list_of_names_is_refused_with_the_known_ones(run, names):
    assert_names(refused("eval", run, "--metrics", names), "--metrics: ", "Known: active-units, ", "mine")


@pytest.mark.parametrize("override", ["foo", "metrics", "data.=3"])
def test_an_override_without_a_value_is_refused_with_an_example(run, override):
    assert_names(refused("eval", run, "--set", override), f"--set {override}: ", "--set metrics.psnr.samples=100")


def test_a_missing_key_of_a_metric_is_reported_with_the_option_that_sets_it(isolated):
    write_recipe(isolated, TEXT)
    assert genkit("run", "tiny.toml", "-q").code == 0
    (run,) = (isolated / "runs").glob("0001-*")
    message = refused("eval", run, "--metrics", "fid")
    assert_names(message, "[metrics.fid] features: missing", "--set metrics.fid.features=VALUE")
    assert "metrics.LABEL.KEY" not in message
