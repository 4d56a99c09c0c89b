"""Messages of genkit.storage, compared with tests/golden/storage.txt."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from genkit.errors import UsageError
from genkit.storage.exported_weights import fill_weights
from genkit.storage.jsonl import StepLog
from genkit.storage.os_errors import describe_os_error, why_unwritable
from genkit.storage.weights import read_weights, write_model_folder


def message_of(call: Callable[[], object]) -> str:
    with pytest.raises(UsageError) as error:
        call()
    return str(error.value)


def saved_model(folder: Path) -> Path:
    write_model_folder(folder, nn.Linear(2, 3), None, {"step": 5})
    return folder


def with_another_file(folder: Path) -> Path:
    saved_model(folder)
    (folder / "model.safetensors").write_bytes(b"0123456789")
    return folder


def test_messages(tmp_path, golden, monkeypatch) -> None:
    log = StepLog(tmp_path / "metrics.jsonl", "the curves are lost")
    log.path.write_text('{"loss": 1}\n')
    without_step = message_of(log.lines)
    log.path.write_text("[\n")
    not_json = message_of(log.lines)

    complete = saved_model(tmp_path / "complete")
    lost = saved_model(tmp_path / "lost")
    (lost / "model.safetensors").unlink()
    messages = {
        "A log with a line without a step": without_step,
        "A log that is not JSON": not_json,
        "Weights that do not exist": message_of(lambda: read_weights(lost, "raw")),
        "Weights that were changed": message_of(lambda: read_weights(with_another_file(tmp_path / "changed"), "raw")),
        "Weights of neither kind": message_of(lambda: read_weights(complete, "best")),
        "EMA weights of a run without [ema]": message_of(lambda: read_weights(complete, "ema")),
        "Weights of another network": message_of(lambda: fill_weights(nn.Linear(2, 4), complete, "raw")),
        "Weights of a larger network": message_of(
            lambda: fill_weights(nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 3)), complete, "raw")
        ),
        "A full disk": describe_os_error(OSError(errno.ENOSPC, "No space left on device"), tmp_path / "new" / "x"),
        "An error of the system": describe_os_error(OSError(errno.EACCES, "Permission denied"), tmp_path),
        "An error without a text": describe_os_error(OSError(), tmp_path),
        "A file in place of a folder": why_unwritable(log.path),
    }
    monkeypatch.setattr("os.access", lambda path, mode: False)
    messages["A folder without permission"] = why_unwritable(tmp_path / "new")
    golden("storage", "\n".join(f"{case}:\n    {message}" for case, message in messages.items()) + "\n")


def test_a_folder_that_can_be_written_has_no_message(tmp_path) -> None:
    assert why_unwritable(tmp_path / "new" / "folder") == ""


def test_a_last_line_that_is_incomplete_is_ignored_and_removed(tmp_path) -> None:
    log = StepLog(tmp_path / "metrics.jsonl", "the curves are lost")
    for step in (1, 2, 3):
        log.append({"step": step})
    with log.path.open("a") as file:
        file.write('{"step": 4')
    assert [line["step"] for line in log.lines()] == [1, 2, 3]
    log.cut_back(2)
    assert [json.loads(line) for line in log.path.read_text().splitlines()] == [{"step": 1}, {"step": 2}]
