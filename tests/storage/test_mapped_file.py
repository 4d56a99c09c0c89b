"""Memory-mapped files that are cut short while they are in use."""

import numpy as np
import pytest

from genkit.storage.mapped_file import check_mapped


@pytest.fixture
def mapped(tmp_path):
    path = tmp_path / "images.bin"
    path.write_bytes(bytes(8 + 12))
    return path, np.memmap(path, np.uint8, "r", offset=8, shape=(3, 4))


def test_a_file_that_was_cut_short_is_refused_before_it_is_read(mapped):
    path, array = mapped
    check_mapped(array)
    with path.open("r+b") as file:
        file.truncate(19)
    with pytest.raises(OSError, match="19 bytes, expected 20") as refused:
        check_mapped(array)
    assert refused.value.filename == str(path)


def test_an_array_in_memory_and_a_deleted_file_can_be_read(mapped):
    path, array = mapped
    path.unlink()
    check_mapped(array)
    assert array.sum() == 0
    check_mapped(np.zeros(3))
