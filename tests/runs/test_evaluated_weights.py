"""`genkit eval --weights`, and the words beside numbers of weights that the pictures are not of."""

import json
import re
from dataclasses import dataclass
from typing import Literal

import pytest
from support.commands import IMAGES, genkit, refused
from support.messages import assert_names
from support.models import write_model
from support.tiny_parts import registry_with

import genkit as genkit_package
from genkit.errors import UsageError
from genkit.hooks import Entry, hookimpl
from genkit.recipe.text.document import Document
from genkit.recipe.text.overrides import with_override
from genkit.runs.comparison.compare import compare
from genkit.runs.comparison.report_of_comparison import comparison_page
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.report.report_of_run import report_of_run
from genkit.runs.report.write_report import report_page
from genkit.runs.trained_models.evaluated_weights import with_weights

pytestmark = [pytest.mark.fast, pytest.mark.usefixtures("isolated")]

METRICS = """
[metrics.error]
use = "reconstruction-error"
samples = 20

[metrics.averaged]
use = "reconstruction-error"
samples = 20
weights = "ema"
"""


@dataclass(frozen=True)
class WithoutTheKey:
    """A metric of the raw weights."""


@dataclass(frozen=True)
class OfSizes:
    """A metric whose key `weights` is a choice of something else."""

    weights: Literal["few", "many"] = "few"


@dataclass(frozen=True)
class OfFiles:
    """A metric whose key `weights` is something else."""

    weights: str = "network.pth"


class Plugin:
    genkit_hooks = 1

    @hookimpl
    def genkit_metrics(self):
        return [
            Entry("without", f"{__name__}:WithoutTheKey", "", ""),
            Entry("of-files", f"{__name__}:OfFiles", "", ""),
            Entry("of-sizes", f"{__name__}:OfSizes", "", ""),
        ]


def write_finished_run(folder, text=IMAGES + METRICS, *, ema=True):
    """Write what a finished run has, as far as an evaluation and a page read it. The weights are random."""
    write_model(folder / "final", text, ema=ema, overrides=["ema.decay=0.5"] if ema else [])
    (folder / "recipe.resolved.toml").write_bytes((folder / "final" / "recipe.toml").read_bytes())
    results = genkit("eval", folder / "final", "--json")
    assert results.code == 0, results.err
    (folder / "results.json").write_text(json.dumps(json.loads(results.out)["results"]))
    return folder


@pytest.fixture
def run(isolated):
    return write_finished_run(isolated / "averaged")


def numbers(*arguments):
    result = genkit("eval", *arguments, "--json")
    assert result.code == 0, result.err
    return {each["label"]: (each["protocol"]["weights"], each["value"]) for each in json.loads(result.out)["results"]}


def test_all_metrics_are_of_the_weights_that_are_asked_for(run):
    own = numbers(run)
    raw, ema = own["error"], own["averaged"]
    assert (raw[0], ema[0]) == ("raw", "ema") and raw[1] != ema[1]
    assert numbers(run, "--weights", "ema") == {"error": ema, "averaged": ema}
    assert numbers(run, "--weights", "raw") == {"error": raw, "averaged": raw}
    assert numbers(run / "final", "--weights", "ema") == {"error": ema, "averaged": ema}
    assert numbers(run, "--weights", "ema", "--set", "metrics.error.weights=raw") == own
    new = numbers(run, "--weights", "ema", "--metrics", "error,psnr", "--set", "metrics.psnr.samples=20")
    assert new["error"] == ema and new["psnr"][0] == "ema"


def test_python_evaluates_the_same_weights(run):
    found = genkit_package.evaluate(run, weights="ema")
    assert {label: ("ema", result.value) for label, result in found.items()} == numbers(run, "--weights", "ema")
    with pytest.raises(UsageError) as refusal:
        genkit_package.evaluate(write_finished_run(run.parent / "plain", IMAGES, ema=False), weights="ema")
    assert_names(str(refusal.value), "plain", '"raw"')


def test_weights_that_the_model_does_not_have_are_refused_with_its_place(run):
    plain = write_finished_run(run.parent / "plain", IMAGES, ema=False)
    assert_names(refused("eval", plain, "--weights", "ema"), plain / "final", "--weights raw")
    assert_names(refused("eval", run, "--weights", "best"), "--weights best", "raw or ema")


def test_only_a_key_of_raw_and_ema_weights_that_the_user_has_not_set_is_replaced():
    tables = {
        "averaged": {"use": "psnr", "weights": "ema"},
        "psnr": {},
        "short": "psnr",
        "without": {},
        "of-files": {},
        "of-sizes": {},
        "unknown": {},
        "mine": {"use": "psnr"},
        "whole": {},
        "few": {},
    }
    document = Document({"metrics": tables})
    whole = "metrics.whole={use = 'psnr', weights = 'raw'}"
    for override in ("metrics.mine.weights=raw", whole, "metrics.few={use = 'psnr', samples = 9}"):
        document = with_override(document, override)
    registry = registry_with(Plugin())
    assert [registry.find("metrics", name).load() for name in ("without", "of-files")] == [WithoutTheKey, OfFiles]
    changed = with_weights(document, "ema", registry).tables["metrics"]
    weights = {label: table.get("weights") for label, table in changed.items()}
    assert weights == {
        "averaged": "ema",
        "psnr": "ema",
        "short": "ema",
        "without": None,
        "of-files": None,
        "of-sizes": None,
        "unknown": None,
        "mine": "raw",
        "whole": "raw",
        "few": "ema",
    }


def rows_with(text, words):
    """Return the first word of each line that has these words in it, above the protocols."""
    return [line.split()[0] for line in text.partition("how each number is made")[0].splitlines() if words in line]


def test_a_number_of_raw_weights_says_so_where_the_pictures_are_of_others(run):
    assert rows_with(genkit("eval", run).out, "raw weights") == ["error"]
    assert rows_with(genkit("eval", run, "--weights", "ema").out, "weights") == []
    assert rows_with(repr(genkit_package.open_run(run)), "raw weights") == ["error"]
    assert rows_with(repr(genkit_package.open_run(run).results), "raw weights") == ["error"]
    assert rows_with(repr(genkit_package.evaluate(run)), "raw weights") == ["error"]
    shown = report_of_run(RunFolder(run))
    assert {each.label: each.weights for each in shown.metrics} == {"error": "raw weights", "averaged": ""}
    [card] = [each for each in visible(report_page(RunFolder(run))) if "raw weights" in each]
    assert "error" in card


def visible(page):
    """Return the cards of a page."""
    return re.findall(r'<div class="card">.*?</div>', page.decode(), re.DOTALL)


def test_a_run_without_averaged_weights_says_nothing(isolated):
    plain = write_finished_run(isolated / "plain", IMAGES + METRICS.partition("[metrics.averaged]")[0], ema=False)
    assert rows_with(genkit("eval", plain).out, "weights") == []
    assert [each.weights for each in report_of_run(RunFolder(plain)).metrics] == [""]


def test_a_line_of_a_comparison_says_so_if_any_of_its_runs_has_pictures_of_others(run):
    plain = write_finished_run(run.parent / "plain", IMAGES + METRICS.partition("[metrics.averaged]")[0], ema=False)
    both = compare([run, plain])
    assert {row.label: row.weights_note for row in both.rows} == {"error": "raw weights", "averaged": ""}
    out = genkit("compare", run, plain).out
    assert rows_with(out, "raw weights") == ["error"]
    assert "raw weights" in comparison_page(both).decode().partition("How each number is made")[0]
    other = write_finished_run(run.parent / "other", IMAGES + METRICS.partition("[metrics.averaged]")[0], ema=False)
    assert [row.weights_note for row in compare([other, plain]).rows] == [""]
    assert "raw weights" not in comparison_page(compare([other, plain])).decode().partition("How each number")[0]
