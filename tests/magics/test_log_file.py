"""The file of %op logs --to: as the lines came, and kept whatever happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.error import UsageError

from ds_ops_magic.magics.log_file import LogFile
from ds_ops_magic.model.log_line import Batch
from tests.support.following import python

LINES = Batch("stdout", b"one\r\n\xff two\n", None)


def test_it_has_what_came(tmp_path: Path) -> None:
    target = tmp_path / "job.log"
    target.write_text("of before")
    with LogFile(str(target)) as file:
        file.write([LINES, Batch("stderr", b"cut", None)])
        assert target.read_text() == "of before"
    assert target.read_bytes() == b"one\r\n\xff two\ncut"
    assert file.lines == 3
    assert list(tmp_path.iterdir()) == [target]


def test_what_came_before_an_error_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "job.log"

    def stopped() -> None:
        with LogFile(str(target)) as file:
            file.write([LINES])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert target.read_bytes() == LINES.data


def test_no_file_can_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is a folder: name a file in it\.$"):
        LogFile(str(tmp_path))
    with pytest.raises(UsageError, match=r"nowhere/job.log cannot be written: No such file or directory\.$"):
        LogFile(str(tmp_path / "nowhere" / "job.log"))


FULL = """
import resource, signal, sys
from ds_ops_magic.magics.log_file import LogFile
from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.model.log_line import Batch

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with LogFile(sys.argv[1]) as file:
        for _ in range(1000):
            file.write([Batch("stdout", b"x" * 999 + b"\\n", None)])
except OperationsError as error:
    print(error)
"""


def test_no_room_for_it(tmp_path: Path) -> None:
    target = tmp_path / "job.log"
    with python(FULL, target) as process:
        said, trouble = process.communicate(timeout=30)
    assert said.splitlines()[0] == f"{target} could not be written to its end: File too large."
    assert said.splitlines()[1].startswith("What came before, about 10")
    assert trouble == ""
    assert target.stat().st_size == 100_000
