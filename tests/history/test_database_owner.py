"""Whose the file of the history is: what another user has put where it should be is refused, with the reason."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from ds_ops_magic.history.database import HistoryFile, Unusable
from ds_ops_magic.history.history import History
from tests.support.following import python

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
NOBODY = 65534
REASON = "it was made by another user, in a folder that others can write to"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A place in a folder that everybody can write to, as /tmp is."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder / "history.sqlite"


def give_away(path: Path) -> None:
    path.chmod(0o666)
    os.chown(path, NOBODY, NOBODY)


@needs_root
@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("is_new", [True, False])
def test_another_users_file(path: Path, end: str, is_new: bool) -> None:
    if not is_new:
        HistoryFile(path).close()
    planted = path.with_name(path.name + end)
    if is_new or end:
        planted.write_bytes(b"planted")
    give_away(planted)
    before, paths = planted.read_bytes(), set(path.parent.iterdir())
    with pytest.raises(Unusable, match=f"^{REASON}$"):
        HistoryFile(path)
    assert (planted.read_bytes(), stat.S_IMODE(planted.stat().st_mode)) == (before, 0o666)
    assert set(path.parent.iterdir()) - {path} == paths - {path}


# Not as root, for whom SQLite gives what is beside a database to its owner.
_PLANT = """
import os, sqlite3, sys, urllib.parse  # which pathlib imports late, where this user may read nothing
from pathlib import Path
from ds_ops_magic.history.database import HistoryFile, Unusable

path, beside = map(Path, sys.argv[1:])
connect = sqlite3.connect

def slowly(*arguments, **how):
    os.seteuid(0)
    beside.touch()
    beside.chmod(0o666)
    os.chown(beside, 65534, 65534)
    os.seteuid(65533)
    return connect(*arguments, **how)

sqlite3.connect = slowly
os.seteuid(65533)
try:
    HistoryFile(path)
except Unusable as error:
    print(error)
"""


@needs_root
@pytest.mark.parametrize("end", ["-wal", "-shm"])
def test_another_user_while_it_is_opened(end: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # that of pytest is closed to others
        Path(folder).chmod(0o1777)
        with python(_PLANT, f"{folder}/history.sqlite", f"{folder}/history.sqlite{end}") as process:
            assert process.communicate(timeout=60) == (f"{REASON}\n", "")


@needs_root
def test_the_warning(path: Path, history: History) -> None:
    HistoryFile(path).close()
    give_away(path)
    history.of("host:1").record_request(["op1"])
    assert not history.flush(10.0)
    assert history.take_warning() == (
        f"No history is kept, because {path} cannot be used: {REASON}. Operations are not affected; "
        "OpMagics.history or $DS_OPS_MAGIC_HISTORY can name another file."
    )
    assert history.take_warning() == ""
    assert [record.id for record in history.records()] == ["op1"]
    history.close()
    assert b"op1" not in path.read_bytes()
