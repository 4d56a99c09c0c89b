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
