"""A model whose data are in another place on this machine: what messages advise, and that it works."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.commands import IMAGES, refused
from support.commands import genkit as command
from support.messages import assert_names
from support.models import write_model
from support.pictures import write_folder

import genkit
from genkit.errors import UsageError

pytestmark = pytest.mark.fast

METRIC = "[metrics.reconstruction-error]\nsamples = 2\n"
FOLDER = (
    IMAGES.replace('use = "digits"', 'use = "image-folder"\npath = "PLACE"\nresolution = 28\nchannels = 1') + METRIC
)
CALLS = {
    "reconstruct": (),
    "encode": (),
    "interpolate": (),
    "eval": (),
    "score": ("--data", "mine", "--score", "error", "--fpr", "0.5"),
    "anomaly": ("--data", "mine", "--fpr", "0.5"),
}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an exported model of pictures that have since been moved to the folder ``moved``."""
    write_folder(tmp_path / "pictures", 60, 28)
    write_folder(tmp_path / "mine", 3, 28, start=90)
    write_model(tmp_path / "model", FOLDER.replace("PLACE", str(tmp_path / "pictures")))
    folder = genkit.export(tmp_path / "model", tmp_path / "shared")
    (tmp_path / "pictures").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("name", CALLS)
def test_commands_advise_and_take_the_place_of_the_data(name, model):
    message = refused(name, model, *CALLS[name])
    assert_names(message, "[data] path", "--set data.path=FOLDER")
    assert ("--normal" in message) is (name in ("score", "anomaly"))
    result = command(name, model, *CALLS[name], "--set", f"data.path={model.parent / 'moved'}", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)


def test_python_takes_the_place_of_the_data_too(model):
    changed = f"data.path={model.parent / 'moved'}"
    calls = {
        "score": lambda **options: genkit.score(model, "mine", "error", fpr=0.5, **options),
        "maps": lambda **options: genkit.anomaly_maps(model, "mine", fpr=0.5, **options),
        "array": lambda **options: genkit.score(model, np.zeros((2, 1, 28, 28)), "error", fpr=0.5, **options),
        "evaluate": lambda **options: genkit.evaluate(model, **options),
    }
    for call in calls.values():
        with pytest.raises(UsageError) as refusal:
            call()
        assert 'set="data.path=FOLDER"' in str(refusal.value)
        call(set=changed)
    with pytest.raises(UsageError, match="only score and data"):
        calls["score"](set="train.steps=3")
