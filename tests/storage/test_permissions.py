"""Permissions of the files of a model folder."""

import os

import pytest
import torch

from genkit.storage.text_files import write_text
from genkit.storage.weights import write_tensors


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_weights_have_the_permissions_of_other_files(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_tensors(tmp_path / "weights.safetensors", {"x": torch.zeros(1)})
        write_text(tmp_path / "about.json", "{}")
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("weights.safetensors", "about.json")]
    assert modes == [0o666 & ~umask] * 2
