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


def results_of(*labels, modes=MODES, weights="raw"):
    return [
        Result(label, float(number), "lower", EvaluationProtocol(100, "test", weights, mode))
        for label in labels
        for number, mode in enumerate(modes)
    ]


@pytest.mark.parametrize("labels", [("fid",), ("fid", "psnr")])
def test_every_number_of_an_evaluation_in_all_modes_names_its_mode(labels):
    console = Tables()
    print_results(results_of(*labels), "raw", console)
    numbers, protocols = console.rows
    assert [name for name, _, _ in numbers] == [f"{label} in mode {mode}" for label in labels for mode in MODES]
    where = "mode {}" if len(labels) > 1 else "fid in mode {}"
    assert protocols[1:] == [(where.format(mode), f"{mode} batch norm") for mode in MODES]


def test_a_label_that_occurs_once_is_no_place():
    console = Tables()
    print_results(results_of("fid", "psnr", modes=["batch"]), "raw", console)
    assert [name for name, _, _ in console.rows[0]] == ["fid", "psnr"]
    assert protocols_of(results_of("fid", "psnr", modes=["batch"])) == [
        ("all", "100 samples, test split, raw weights, batch batch norm")
    ]


def test_a_number_says_which_weights_it_is_of_only_if_the_pictures_are_of_others():
    raw, ema = results_of("psnr", modes=["batch"]), results_of("ssim", modes=["batch"], weights="ema")
    notes = {}
    for shown in ("raw", "ema"):
        console = Tables()
        print_results([*raw, *ema], shown, console)
        notes[shown] = [note for _, _, note, _ in console.rows[0]]
    assert notes == {"raw": ["", "ema weights"], "ema": ["raw weights", ""]}
    console = Tables()
    print_results(ema, "ema", console)
    assert [len(row) for row in console.rows[0]] == [3]
