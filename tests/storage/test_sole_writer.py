"""One writer at a time: a second one is refused at once, and the lock leaves nothing behind."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from genkit.storage.sole_writer import sole_writer

pytestmark = pytest.mark.fast


def test_a_second_writer_is_refused_until_the_first_has_ended(tmp_path):
    place = tmp_path / "new" / "folder"  # as with `new_folder`, the folder above need not exist

    def write():
        with sole_writer(place):
            return "written"

    with ThreadPoolExecutor(1) as other:
        with sole_writer(place):
            with pytest.raises(OSError) as caught:
                other.submit(write).result()
            assert "another process" in caught.value.strerror
        assert other.submit(write).result() == "written"
    assert list(place.parent.iterdir()) == []


def test_an_error_of_the_block_passes_and_releases_the_lock(tmp_path):
    with pytest.raises(TimeoutError, match="of the block"), sole_writer(tmp_path / "a"):
        raise TimeoutError("of the block")
    with sole_writer(tmp_path / "a"):
        pass
