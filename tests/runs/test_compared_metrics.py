"""Numbers that runs call by different labels share a row if metric, protocol and data agree."""

import pytest
from support.run_folders import PROTOCOL, result, write_run

from genkit.runs.comparison.compare import compare
from genkit.runs.comparison.compared_curves import evaluation_panels_of
from genkit.runs.comparison.report_of_comparison import report_of_comparison
from genkit.runs.comparison.standing import Standing

DATA = '[data]\nuse = "x"\n'


def write(tmp_path, name, **labels):
    """Write a finished run in which each label is a metric with this name, whose value is the length of the label."""
    tables = DATA + "".join(f'[metrics.{label}]\nuse = "{metric}"\n' for label, metric in labels.items())
    results = [result(label, float(len(label)), "lower") for label in labels]
    return write_run(tmp_path / name, tables=tables, results=results).path


def rows(*paths):
    return {row.labels: row.values for row in compare(paths).rows}


def test_a_number_under_two_labels_is_one_row_that_has_both(tmp_path):
    a, b = write(tmp_path, "a", rec="error"), write(tmp_path, "b", rec_ema="error", fid="frechet")
    assert rows(a, b) == {("rec", "rec_ema"): {"a": 3.0, "b": 7.0}, ("fid",): {"b": 3.0}}
    found = report_of_comparison(compare([a, b]))
    (line, other) = found.metrics
    assert line.name.startswith("rec, rec_ema") and line.shared and not other.shared
    assert [cell.standing for cell in line.cells] == [Standing.LOWEST, Standing.NONE]
    assert next(iter(rows(b, a))) == ("rec_ema", "rec")
    facts = compare([a, b]).as_dict()["metrics"][0]
    assert facts["label"] == "rec, rec_ema" and tuple(facts["labels"]) == ("rec", "rec_ema")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"rec": "error"}, {"rec_ema": "other"}),
        ({"rec": "error", "again": "error"}, {"rec_ema": "error"}),  # which of the two is meant?
    ],
)
def test_other_metrics_and_two_labels_of_one_run_share_nothing(tmp_path, first, second):
    found = rows(write(tmp_path, "a", **first), write(tmp_path, "b", **second))
    assert set(found) == {(label,) for label in (*first, *second)}


def test_a_label_that_both_runs_have_for_the_same_number_stays_alone(tmp_path):
    runs = [write(tmp_path, name, rec="error", again="error") for name in "ab"]
    assert rows(*runs) == {(label,): dict.fromkeys("ab", float(len(label))) for label in ("rec", "again")}


def test_curves_of_evaluations_have_the_joint_label(tmp_path):
    folders = {name: write_run(tmp_path / name, tables=f'{DATA}[metrics.{label}]\nuse = "error"\n', steps=(1, 2))
               for name, label in (("a", "rec"), ("b", "rec_ema"))}  # fmt: skip
    for folder, label in zip(folders.values(), ("rec", "rec_ema"), strict=True):
        for step in (1, 2):
            results = [{**result(label, 1.0 / step, "lower"), "protocol": PROTOCOL}]
            folder.evaluations.append({"step": step, "results": results})
    alone = compare([folders["a"].path, write_run(tmp_path / "c", tables=f'{DATA}[metrics.rec_ema]\nuse = "error"\n',
                                                  results=[result("rec_ema", 1.0, "lower")]).path])  # fmt: skip
    assert [panel.title for panel in evaluation_panels_of(alone)] == ["rec ↓"], "only one run has such a curve"
    (panel,) = evaluation_panels_of(compare([folder.path for folder in folders.values()]))
    assert panel.title.startswith("rec, rec_ema") and {name: list(curve) for name, curve in panel.curves.items()} == {
        name: [(1, 1.0), (2, 0.5)] for name in folders
    }
