"""Early stopping decides by the logged evaluations, and says why."""

from types import SimpleNamespace

import pytest

from genkit.api import EvaluationProtocol, EvaluationRecord, Result, StopTraining
from genkit.parts.callbacks.early_stopping import EarlyStopping


def stop_of(values, better="lower", **keys):
    """Return the number of evaluations after which a run stops, and why; None if it does not."""
    callback = EarlyStopping("x", **keys)
    records = []
    metrics = {"x": SimpleNamespace(better=better)}
    callback.started(SimpleNamespace(evaluations=lambda: records, plan=SimpleNamespace(metrics=metrics)))
    for step, value in enumerate(values, 1):
        records.append(EvaluationRecord(step, [Result("x", value, better, EvaluationProtocol(1, "test", "raw"))]))
        try:
            callback.evaluated(step, records[-1].results)
        except StopTraining as stop:
            return step, str(stop)
    return None


@pytest.mark.parametrize(
    ("values", "keys", "step"),
    [
        ([3, 2, 1, 0.5], {"patience": 1}, None),
        ([3, 2, 2, 1], {"patience": 1}, 3),  # equal is no improvement
        ([3, 4, 5], {"patience": 2}, 3),
        ([3, 4, 2, 3, 4], {"patience": 2}, 5),
        ([3, 2.9, 2.8], {"patience": 2, "min_change": 0.5}, 3),
        ([3, 2.6, 2.4, 2.4, 2.4], {"patience": 2, "min_change": 0.5}, 5),  # compared with the best, not the previous
        ([1, 2, 9, 8, 7, 7, 7], {"patience": 2, "after": 2}, 7),
        ([3, None, None, 2, 3, None, 4], {"patience": 2}, 7),  # a refused value says nothing
        ([None, None, None], {"patience": 1}, None),
        ([-1, -2, -3], {"patience": 2, "better": "higher"}, 3),
        ([1, 2, 3], {"patience": 2, "better": "higher"}, None),
    ],
)
def test_the_run_stops_after_patience_evaluations_without_an_improvement(values, keys, step):
    stop = stop_of(values, **keys)
    assert (stop and stop[0]) == step


def test_the_reason_names_the_best_value_and_its_step():
    assert "3 at step 1" in stop_of([3, 4, 5], patience=2)[1]


def test_a_resumed_callback_decides_the_same():
    """Each evaluation is seen by a callback of its own, as after a kill between any two."""
    values = [3, 4, 2, 3, 4]
    records = [
        EvaluationRecord(s, [Result("x", v, "lower", EvaluationProtocol(1, "test", "raw"))])
        for s, v in enumerate(values)
    ]
    for step in range(len(values)):
        callback = EarlyStopping("x", patience=2)
        run = SimpleNamespace(
            evaluations=lambda step=step: records[: step + 1],
            plan=SimpleNamespace(metrics={"x": SimpleNamespace(better="lower")}),
        )
        callback.started(run)
        if step == 4:
            with pytest.raises(StopTraining):
                callback.evaluated(step, records[step].results)
        else:
            callback.evaluated(step, records[step].results)
