"""Evaluation protocol: its text, and which protocols are comparable."""

import dataclasses

from genkit.api import EvaluationProtocol


def test_the_text_of_a_protocol_names_every_field():
    plain = EvaluationProtocol(50, "test", "raw")
    assert str(plain) == "50 samples, test split, raw weights"
    full = EvaluationProtocol(
        50, "test", "ema", "batch", "digits 1234", "bicubic to 28x28", quantised=True, details={"k": 5, "share": 0.25}
    )
    assert str(full) == (
        "50 samples, test split, ema weights, batch batch norm, features digits 1234, resized bicubic to 28x28, "
        "8 bits, k 5, share 0.25"
    )
    changed = [dataclasses.replace(plain, **{f.name: getattr(full, f.name)}) for f in dataclasses.fields(plain)[2:]]
    assert len({str(each) for each in (plain, full, *changed)}) == len(changed) + 2


def test_only_running_statistics_are_comparable_with_a_model_without_batch_norm():
    none, running, batch, recalibrated = (
        EvaluationProtocol(50, "test", "raw", mode) for mode in (None, "running", "batch", "recalibrated")
    )
    assert none.comparable == running.comparable == none
    assert len({str(each.comparable) for each in (running, batch, recalibrated)}) == 3


def test_details_say_of_what_they_are_and_numbers_have_commas():
    details = {"modes": 8, "std": 0.02, "box": "[-2, 2]", "outside": "one cell of its own", "draws": 12000}
    words = list(EvaluationProtocol(50_000, "drawn", "raw", details=details).settings.values())
    assert words[0] == "50,000 samples" and "drawn" not in words[1] and words[-1] == "draws 12,000"
    assert words[4] == "std of a mode 0.02" and words[6].startswith("samples outside the box ")
    alone = EvaluationProtocol(50, "test", "raw", details={"std": 0.02, "outside": "x"}).settings.values()
    assert list(alone)[3:] == ["std 0.02", "outside x"], "a detail of another metric keeps its name"


def test_the_words_of_a_protocol_tell_apart_what_its_details_do():
    details = ({"modes": 8, "std": 0.02}, {"modes": 8, "std": 0.03}, {"modes": 9, "std": 0.02}, {"std": 0.02})
    assert len({str(EvaluationProtocol(50, "test", "raw", details=each)) for each in details}) == len(details)
