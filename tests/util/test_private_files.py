"""Whose a database is: only in a folder that others can write to does it matter."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ds_ops_magic.util import private_files

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
NOBODY = 65534


@pytest.fixture
def shared_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def made_by(owner: int, path: Path) -> Path:
    path.write_bytes(b"")
    os.chown(path, owner, owner)
    return path


@pytest.mark.parametrize("is_there", [True, False])
def test_own_files(shared_folder: Path, is_there: bool) -> None:
    path = shared_folder / "a.sqlite"
    if is_there:
        path.write_bytes(b"")
    assert private_files.why_foreign(path) == ""


@needs_root
@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal"])
def test_files_of_another_user(shared_folder: Path, end: str) -> None:
    made_by(NOBODY, shared_folder / f"a.sqlite{end}")
    assert private_files.why_foreign(shared_folder / "a.sqlite") == (
        "it was made by another user, in a folder that others can write to"
    )


@needs_root
def test_a_link_of_another_user(shared_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(b"")
    (shared_folder / "a.sqlite").symlink_to(tmp_path / "own")
    os.chown(shared_folder / "a.sqlite", NOBODY, NOBODY, follow_symlinks=False)
    assert private_files.why_foreign(shared_folder / "a.sqlite")


@needs_root
def test_a_folder_that_nobody_else_can_write_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert private_files.why_foreign(made_by(NOBODY, tmp_path / "a.sqlite")) == ""


@needs_root
def test_a_file_system_with_one_owner_of_all_files(shared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_files, "_new_file_owner", lambda _folder: NOBODY)
    assert private_files.why_foreign(made_by(NOBODY, shared_folder / "a.sqlite")) == ""


def test_make_private(tmp_path: Path) -> None:
    paths = [tmp_path / f"a.sqlite{end}" for end in ("", "-wal", "-shm", "-journal")]
    for path in paths:
        path.write_bytes(b"")
        path.chmod(0o666)
    private_files.make_private(tmp_path / "a.sqlite")
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
