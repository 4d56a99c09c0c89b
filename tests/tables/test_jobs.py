"""Several runs at a time, each in a process."""

import pytest

from genkit.runs.on_disk.run_folder import RunFolder
from genkit.tables.jobs import run_jobs

FAKE_PYTHON = """#!/bin/sh
echo "$OMP_NUM_THREADS $MKL_NUM_THREADS $OPENBLAS_NUM_THREADS" > "$5/threads"
sleep 0.2
echo "error: in $5" >&2
echo afterwards
exit 1
"""


@pytest.mark.trains
@pytest.mark.parametrize("jobs", [1, 2])
def test_processes_have_their_number_of_threads_and_their_errors_are_kept(tmp_path, monkeypatch, jobs):
    (tmp_path / "python").write_text(FAKE_PYTHON)
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setattr("genkit.tables.jobs.POLL", 0.02)
    folders = [RunFolder(tmp_path / f"run{number}") for number in range(5)]
    for folder in folders:
        folder.path.mkdir()
    (folders[0].path / "output.log").write_text("error: of an earlier process\n")

    at_work = []
    ended = list(run_jobs(folders, jobs, 3, lambda working: at_work.append(len(working))))
    assert max(at_work) == jobs
    assert {job.folder for job in ended} == set(folders)
    assert {job.message for job in ended} == {f"in {folder.path}" for folder in folders}
    assert {(folder.path / "threads").read_text() for folder in folders} == {"3 3 3\n"}
    assert (folders[0].path / "output.log").read_text().startswith("error: of an earlier process")
