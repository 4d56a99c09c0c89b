"""Protocols in few lines: nothing is lost, and what is shared is said once."""

import random

import pytest

from genkit.core.metric import EvaluationProtocol
from genkit.evaluation.protocol_lines import ALL, UNLESS_NOTED, protocol_lines

pytestmark = pytest.mark.fast


def lines_of(protocols):
    """Return the lines for protocols by metric and place, where each place has its own name."""
    return protocol_lines(
        {number: protocol.settings for number, protocol in protocols.items()},
        str,
    )


def settings_from(lines, label, *names):
    """Return the texts of settings that a reader finds for one number in a place with these names.

    A later line overrules an earlier one.
    """
    found = {}
    for of, texts in lines:
        metrics, _, places = of.partition(" in ") if of.startswith("metric") else ("", "", of)
        of_label = not metrics or label in metrics.split(", ")
        of_place = not places or of in (ALL, UNLESS_NOTED) or not {*names}.isdisjoint(places.split("; "))
        if of_label and of_place:
            found |= {text.strip("0123456789 "): text for text in texts.split(", ")}
    return found


@pytest.mark.parametrize("seed", range(40))
def test_a_reader_finds_every_setting_of_every_number(seed):
    source = random.Random(seed)
    places = [f"run-{number}" for number in range(source.randint(1, 4))]
    protocols = {}
    for label in [f"metric-{number}" for number in range(source.randint(1, 4))]:
        for place in source.sample(places, source.randint(1, len(places))):
            details = {name: source.choice([1, 2]) for name in ("bins", "radius", "floor") if source.random() < 0.6}
            protocols[label, place] = EvaluationProtocol(source.choice([100, 100, 200]), "test", "raw", details=details)
    lines = lines_of(protocols)
    for (label, place), protocol in protocols.items():
        expected = {text.strip("0123456789 "): text for text in str(protocol).split(", ")}
        assert settings_from(lines, label, place) == expected, lines


@pytest.mark.parametrize("hundred", range(10))  # rare: metrics that share a name of places but not all the places
def test_a_reader_of_a_table_finds_every_setting_of_every_cell(hundred):
    cells = [(row, column) for row in ("row-1", "row-2") for column in ("column-1", "column-2")]
    for seed in range(100 * hundred, 100 * hundred + 100):
        source = random.Random(seed)
        protocols = {
            (label, cell): {
                name: f"{name} {source.choice([1, 1, 2])}"
                for name in ("bins", "radius", "floor")
                if source.random() < 0.8
            }
            for label in [f"metric-{number}" for number in range(source.randint(1, 3))]
            for cell in source.sample(cells, source.randint(1, 4))
        }
        lines = protocol_lines(protocols, lambda cell: cell[0], lambda cell: cell[1], "/".join)
        for (label, cell), settings in protocols.items():
            found = settings_from(lines, label, *cell, "/".join(cell))
            assert found == {text.strip("0123456789 "): text for text in settings.values()}, (seed, lines)


def test_a_name_stands_alone_only_if_every_metric_there_has_the_settings():
    few, many = {"samples": "100 samples"}, {"samples": "900 samples"}
    two = {"psnr": ("x", "y"), "ssim": ("x",)}  # metrics, and the columns that they have in the row b
    protocols = {(label, (row, "x")): many for label in two for row in ("c", "a")}
    protocols |= {(label, ("b", column)): few for label, columns in two.items() for column in columns}
    protocols |= {("fid", (row, "y")): few for row in ("a", "b")}
    lines = protocol_lines(protocols, lambda cell: cell[0], lambda cell: cell[1], "/".join)
    assert lines == [("unless noted", "100 samples"), ("psnr, ssim in c; a", "900 samples")]


def test_one_number_has_its_protocol_on_one_line():
    protocol = EvaluationProtocol(100, "test", "ema", "running", "pixels abc", "bilinear", True, {"std": 0.125, "k": 3})
    ((of, settings),) = lines_of({("fid", ""): protocol})
    assert of == "fid" and settings == str(protocol)
    assert settings == (
        "100 samples, test split, ema weights, running batch norm, features pixels abc, resized bilinear, 8 bits, "
        "std 0.125, k 3"
    )


def test_a_line_begins_with_what_the_lines_beside_it_do_not_say():
    protocols = {(name, ""): {"data": "data digits", "other": f"other {name}"} for name in ("a", "b", "c")}
    protocols |= {(name, ""): {"data": "data faces", "other": f"other {name}"} for name in ("d", "e")}
    lines = protocol_lines(protocols, str)
    assert lines[-2:] == [("d", "other d, data faces"), ("e", "other e, data faces")]


def table_of(**settings):
    """Return the lines of a table with two metrics: each setting is a function of the row and the column."""
    cells = [(row, column) for row in ("r1", "r2", "r3") for column in ("c1", "c2", "c3")]
    protocols = {
        (label, cell): {name: text for name, of in settings.items() if (text := of(*cell))}
        for label in ("kl", "jsd")
        for cell in cells
    }
    return dict(protocol_lines(protocols, lambda cell: cell[0], lambda cell: cell[1], " / ".join))


def test_each_setting_has_the_names_of_its_rows_or_of_its_columns():
    lines = table_of(
        box=lambda row, _: "box 2" if row == "r1" else "box 4", prior=lambda _, column: column != "c1" and "prior 32"
    )
    assert lines == {"unless noted": "box 4", "r1": "box 2", "c2; c3": "prior 32"}


def test_only_what_is_no_whole_row_or_column_has_the_names_of_cells():
    chosen = {("r1", "c1"), ("r1", "c2"), ("r1", "c3"), ("r2", "c2"), ("r3", "c2"), ("r2", "c3")}
    lines = table_of(box=lambda *cell: cell in chosen and "box 2")
    assert lines == {"r1; c2; r2 / c3": "box 2"}


def test_a_name_that_a_row_shares_with_a_column_names_neither():
    protocols = {("kl", cell): {"box": "box 4"} for cell in (("a", "b"), ("c", "b"), ("c", "d"))}
    protocols["kl", ("b", "d")] = {"box": "box 2"}
    lines = protocol_lines(protocols, lambda cell: cell[0], lambda cell: cell[1], " / ".join)
    assert lines == [("kl", "box 4"), ("kl in b / d", "box 2")]


def test_metrics_of_one_protocol_share_a_line():
    lines = lines_of({(label, ""): EvaluationProtocol(100, "test", "raw") for label in ("precision", "recall")})
    assert lines == [("all", "100 samples, test split, raw weights")]


def test_an_unusual_setting_is_noted_at_its_metric():
    few, many = EvaluationProtocol(100, "test", "raw"), EvaluationProtocol(900, "test", "raw", details={"radius": 3})
    lines = lines_of({("kl", ""): few, ("modes", ""): many, ("kl-fake", ""): few})
    assert lines == [("unless noted", "100 samples, test split, raw weights"), ("modes", "900 samples, radius 3")]


def test_a_setting_that_only_some_have_is_never_usual():
    normed = EvaluationProtocol(100, "test", "raw", "running")
    lines = lines_of({("a", ""): normed, ("b", ""): normed, ("c", ""): EvaluationProtocol(100, "test", "raw")})
    assert lines == [("all", "100 samples, test split, raw weights"), ("a, b", "running batch norm")]


def test_places_are_named_once_for_all_metrics_and_with_the_metric_for_one():
    here, there = EvaluationProtocol(100, "test", "raw"), EvaluationProtocol(100, "test", "ema")
    both = {(label, place): {"x": here, "y": there}[place] for label in ("psnr", "ssim") for place in ("x", "y")}
    assert lines_of(both)[1:] == [("x", "raw weights"), ("y", "ema weights")]
    lines = lines_of({**both, ("fid", "x"): here, ("fid", "y"): here})
    assert ("psnr, ssim in y", "ema weights") in lines and "y" not in dict(lines)


def test_no_numbers_have_no_lines():
    assert lines_of({}) == []
