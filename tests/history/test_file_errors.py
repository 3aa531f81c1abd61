"""A history that cannot be kept: it costs the history and one warning, never a wait, and never the work."""

from __future__ import annotations

import sqlite3
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from ds_ops_magic.history.history import History
from ds_ops_magic.model.operation import Operation
from tests.history.conftest import kept
from tests.support.following import python, until
from tests.support.scripted import message

RUNNING = Operation.from_proto(message("op1"))


def damaged(path: Path) -> None:
    """Make a history, and then overwrite its pages but for the header."""
    history = History(path)
    history.of("host:1").record_request([f"op{number}" for number in range(1000)])
    assert history.flush(10.0)
    history.close()
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * (path.stat().st_size - 100))


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA application_id = 0x64736F68; PRAGMA user_version = 99; CREATE TABLE t (x)")
    connection.close()


@pytest.mark.parametrize("spoil", [damaged, newer, Path.mkdir])
def test_one_warning(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "folder" / "history.sqlite"
    path.parent.mkdir()
    spoil(path)
    history = History(path)
    start = time.monotonic()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for _ in range(50):
            history.of("host:1").record_request(["op1"])
            history.record_created(RUNNING)
            assert not history.flush()
            history.warn()
    assert time.monotonic() - start < 5.0
    (one,) = warned
    assert str(path) in str(one.message)
    assert "Operations are not affected" in str(one.message)
    assert len(str(one.message).splitlines()) == 1
    assert history.take_warning() == ""
    assert [record.id for record in history.records()] == ["op1"]  # of this kernel
    history.close()


# Past the limit a write fails as on a full disk; the signal that comes with it is ignored by Python.
_FULL = """
import resource, sys, time
from ds_ops_magic.history.history import History
history = History(sys.argv[1])
history.auto_warn = False  # by a request that comes after the first failed write
here = history.of("host:1")
here.record_request(["before"])
assert history.flush(10.0)
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
start = time.monotonic()
for number in range(200):
    here.record_request([f"lost{number}"])
assert not history.flush()
assert not history.flush()
print(time.monotonic() - start < 5.0, history.take_warning(), history.take_warning())
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def test_a_full_disk(path: Path) -> None:
    with python(_FULL, path) as process:
        out, errors = process.communicate(timeout=60)
    assert errors == ""
    assert out.startswith(f"True No history is kept, because {path} cannot be used: ")
    # At its end, with room on the disk again, the process has written what it could not before.
    assert kept(path).keys() == {"before", *(f"lost{number}" for number in range(200))}


def test_the_file_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ds_ops_magic.history.writer._RETRY_AFTER", 0.05)
    obstacle = tmp_path / "folder"
    obstacle.write_text("a file where a folder should be")
    history = History(obstacle / "history.sqlite")
    history.auto_warn = False
    history.of("host:1").record_request(["op1"])
    assert not history.flush()
    obstacle.unlink()
    until(lambda: history.flush())
    assert kept(history.path) == {"op1": ""}
    history.close()


def test_a_removed_file_is_made_again(tmp_path: Path, history: History) -> None:
    history.of("host:1").record_request(["before"])
    assert history.flush(10.0)
    for file in tmp_path.iterdir():
        file.unlink()
    history.of("host:1").record_request(["afterwards"])
    assert history.flush(10.0)
    assert "afterwards" in kept(history.path)
