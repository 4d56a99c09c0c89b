"""What is no file is refused before it is opened: reading it may never end."""

import os
from pathlib import Path

import pytest
from support.messages import assert_names

from genkit.errors import UsageError
from genkit.parts.extractors.inception import Inception
from genkit.runs.convert.published_checkpoint import read_checkpoint
from genkit.storage.regular_file import open_regular
from genkit.storage.text_files import write_json
from genkit.storage.weights import read_weights


@pytest.fixture
def pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_a_pipe_or_a_device_is_not_opened(pipe):
    for place, kind in ((pipe, "named pipe"), (Path("/dev/zero"), "device")):
        with pytest.raises(OSError, match=kind):
            open_regular(place)
    with open_regular(__file__) as file:
        assert file.read(3) == b'"""'


def test_a_pipe_as_a_checkpoint_or_as_weights_is_named(pipe):
    with pytest.raises(UsageError) as caught:
        read_checkpoint(pipe)
    assert_names(caught.value, pipe, "named pipe")
    assert_names(Inception(path=pipe).problem, pipe, "named pipe")
    pipe.rename(pipe.with_name("model.safetensors"))
    write_json(pipe.with_name("about.json"), {"sha256": {"model.safetensors": "0"}})
    with pytest.raises(UsageError) as caught:
        read_weights(pipe.parent, "raw")
    assert_names(caught.value, "model.safetensors", "named pipe")
