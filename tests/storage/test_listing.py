"""A folder that cannot be read is not taken for an empty one."""

import os

import pytest
from support.messages import assert_names
from support.permissions import needs_permissions, without_access

from genkit.errors import Unreadable
from genkit.storage.listing import exists, names_in


def test_names_are_sorted_and_a_missing_folder_has_none(tmp_path):
    for name in ("b", "a", ".c"):
        (tmp_path / name).touch()
    assert names_in(tmp_path) == [".c", "a", "b"]
    assert names_in(tmp_path / "none") == []
    assert exists(tmp_path / "a") and not exists(tmp_path / "none") and not exists(tmp_path / "a" / "below")


def test_a_file_and_a_link_without_its_target_are_no_empty_folders(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "unmounted")
    for name in ("file", "link"):
        with pytest.raises(Unreadable) as refused:
            names_in(tmp_path / name)
        assert_names(refused.value, f"{tmp_path / name}: cannot be read")


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    without_access(monkeypatch, tmp_path / "below")
    for call in (lambda: names_in(tmp_path / "below"), lambda: exists(tmp_path / "below" / "x")):
        with pytest.raises(Unreadable) as refused:
            call()
        assert_names(refused.value, f"{tmp_path / 'below'}", "cannot be read: Permission denied")
        assert "elete" not in str(refused.value)


@needs_permissions
def test_a_folder_that_the_system_refuses_is_refused(tmp_path):
    folder = tmp_path / "below"
    folder.mkdir(mode=0o000)
    try:
        with pytest.raises(Unreadable):
            names_in(folder)
        with pytest.raises(Unreadable):
            exists(folder / "x")
    finally:
        os.chmod(folder, 0o700)
