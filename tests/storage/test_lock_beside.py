"""Lock beside a file: one at a time, also while lock files are deleted, and no lock file stays."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from genkit.storage.lock_beside import lock_beside


def test_nothing_is_lost_and_no_lock_file_stays(tmp_path):
    counter = tmp_path / "counter.json"
    counter.write_text("0")

    def count(_: int) -> None:
        with lock_beside(counter):
            number = int(counter.read_text())
            time.sleep(1e-4)  # another thread gets the turn
            counter.write_text(str(number + 1))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count, range(400)))
    assert counter.read_text() == "400"
    assert [path.name for path in tmp_path.iterdir()] == ["counter.json"]


def test_who_waited_for_a_deleted_lock_file_waits_for_the_new_one(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    path, lock = tmp_path / "t.json", tmp_path / ".t.json.lock"
    waits, entered = threading.Event(), threading.Event()

    def held() -> int:
        """Hold the lock as another process does, which knows nothing of the locks of this one."""
        opened = os.open(lock, os.O_RDWR | os.O_CREAT)
        fcntl.flock(opened, fcntl.LOCK_EX)
        return opened

    def wait() -> None:
        waits.set()
        with lock_beside(path):
            entered.set()

    first = held()
    waiting = threading.Thread(target=wait)
    waiting.start()
    assert waits.wait(5)
    time.sleep(0.2)  # it has opened the file
    lock.unlink()
    second = held()  # a third process is faster
    os.close(first)
    assert not entered.wait(0.3)
    os.close(second)
    waiting.join(5)
    assert entered.is_set() and not lock.exists()


@pytest.mark.trains
def test_a_killed_process_holds_no_lock(tmp_path):
    program = (
        "import os, sys; from pathlib import Path; from genkit.storage.lock_beside import lock_beside\n"
        "with lock_beside(Path(sys.argv[1])): os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path / "t.json")], check=False).returncode == 9
    assert (tmp_path / ".t.json.lock").exists()
    with lock_beside(tmp_path / "t.json"):
        pass
    assert not (tmp_path / ".t.json.lock").exists()


def test_an_error_in_the_block_releases_the_lock(tmp_path):
    with pytest.raises(ZeroDivisionError), lock_beside(tmp_path / "t.json"):
        _ = 1 / 0
    with lock_beside(tmp_path / "t.json"):
        assert (tmp_path / ".t.json.lock").exists()
