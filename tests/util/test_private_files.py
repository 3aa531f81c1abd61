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


def test_a_file_of_ones_own_is_no_foreign_one(shared_folder: Path) -> None:
    path = shared_folder / "a.sqlite"
    path.write_bytes(b"")
    assert private_files.why_foreign(path) == ""


def test_a_file_that_is_not_there_is_no_foreign_one(shared_folder: Path) -> None:
    assert private_files.why_foreign(shared_folder / "a.sqlite") == ""


@needs_root
@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal"])
def test_a_file_of_another_user_where_others_can_write_is_named(shared_folder: Path, end: str) -> None:
    made_by(NOBODY, shared_folder / f"a.sqlite{end}")
    assert private_files.why_foreign(shared_folder / "a.sqlite") == (
        "it was made by another user, in a folder that others can write to"
    )


@needs_root
def test_a_link_of_another_user_is_named_whatever_it_leads_to(shared_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(b"")
    (shared_folder / "a.sqlite").symlink_to(tmp_path / "own")
    os.chown(shared_folder / "a.sqlite", NOBODY, NOBODY, follow_symlinks=False)
    assert private_files.why_foreign(shared_folder / "a.sqlite")


@needs_root
def test_where_nobody_else_can_write_the_owner_does_not_matter(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert private_files.why_foreign(made_by(NOBODY, tmp_path / "a.sqlite")) == ""


@needs_root
def test_a_file_system_that_gives_every_file_to_one_user_is_no_reason(
    shared_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_files, "_new_file_owner", lambda _folder: NOBODY)
    assert private_files.why_foreign(made_by(NOBODY, shared_folder / "a.sqlite")) == ""


def test_the_database_and_what_is_beside_it_is_closed_to_others(tmp_path: Path) -> None:
    paths = [tmp_path / f"a.sqlite{end}" for end in ("", "-wal", "-shm", "-journal")]
    for path in paths:
        path.write_bytes(b"")
        path.chmod(0o666)
    private_files.make_private(tmp_path / "a.sqlite")
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
