"""Printed results: a number of each mode of batch norm is told from the others."""

import pytest

from genkit.core.metric import EvaluationProtocol
from genkit.core.result import Result
from genkit.runs.results_report import print_results, protocols_of

pytestmark = pytest.mark.fast

MODES = ("running", "batch", "recalibrated")


class Tables:
    """A console that keeps the rows of its tables."""

    def __init__(self):
        self.rows = []

    def table(self, title, header, rows, **options):
        self.rows.append([tuple(row) for row in rows])

    texts = table


def results_of(*labels, modes=MODES):
    return [
        Result(label, float(number), "lower", EvaluationProtocol(100, "test", "raw", mode))
        for label in labels
        for number, mode in enumerate(modes)
    ]


@pytest.mark.parametrize("labels", [("fid",), ("fid", "psnr")])
def test_every_number_of_an_evaluation_in_all_modes_names_its_mode(labels):
    console = Tables()
    print_results(results_of(*labels), console)
    numbers, protocols = console.rows
    assert [name for name, _, _ in numbers] == [f"{label} in mode {mode}" for label in labels for mode in MODES]
    where = "mode {}" if len(labels) > 1 else "fid in mode {}"
    assert protocols[1:] == [(where.format(mode), f"{mode} batch norm") for mode in MODES]


def test_a_label_that_occurs_once_is_no_place():
    console = Tables()
    print_results(results_of("fid", "psnr", modes=["batch"]), console)
    assert [name for name, _, _ in console.rows[0]] == ["fid", "psnr"]
    assert protocols_of(results_of("fid", "psnr", modes=["batch"])) == [
        ("all", "100 samples, test split, raw weights, batch batch norm")
    ]
