"""A package is written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from genkit.errors import UsageError
from genkit.recipe.installed.registry import Registry
from genkit.scaffold.files import files_of
from genkit.scaffold.kinds import Kind
from genkit.scaffold.names import PluginName
from genkit.scaffold.write import write_plugin

PLUGIN, KINDS = PluginName("written"), (Kind.LOSS,)


def write(folder: Path) -> None:
    write_plugin(PLUGIN, KINDS, folder, Registry())


def refusal(folder: Path) -> str:
    with pytest.raises(UsageError) as refused:
        write(folder)
    assert str(refused.value).startswith(f"{folder}: ") and "--out" in str(refused.value)
    return str(refused.value)


def test_the_folder_has_the_files_and_no_other(tmp_path):
    write(tmp_path / "deep" / "er")
    found = {path.relative_to(tmp_path / "deep" / "er").as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == files_of(PLUGIN, KINDS).keys() >= {".gitignore", "genkit_written/py.typed", "tests/test_loss.py"}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["er"]


def test_whatever_exists_is_kept(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("folder", "file", "link"):
        refusal(tmp_path / name)
    refusal(tmp_path / "file" / "below")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "link"]
    assert (tmp_path / "file").read_text() == "mine" and not any((tmp_path / "folder").iterdir())


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    written, write_text = [], Path.write_text

    def full_after_three(path, *arguments, **options):
        if len(written) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        return write_text(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", full_after_three)
    assert "full" in refusal(tmp_path / "deep" / "er")
    assert len(written) == 3 and not any(tmp_path.iterdir())
