"""Places where no history can be: they cost the history and one warning, whatever uses it first."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from ds_ops_magic import load_ipython_extension, recorder, unload_ipython_extension
from ds_ops_magic.history.default import default_history
from ds_ops_magic.history.history import History
from tests.support.following import client_of, python
from tests.support.scripted import ScriptedServer, message


@pytest.fixture(
    params=[f"{'x' * 300}/a.sqlite", "x" * 300, "loop/a.sqlite", "file/a.sqlite", "a\0b", "/proc/self/no/a.sqlite"],
    ids=["folder too long", "name too long", "loop", "below a file", "null", "where not even root makes a folder"],
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    return tmp_path / str(request.param)


@pytest.mark.parametrize(
    "use",
    [
        History.request_read,
        History.ensure_read,
        History.refresh,
        History.flush,
        History.records,
        History.close,
        lambda history: history.of("host:1").record_request(["op1"]),
    ],
)
def test_no_method_raises(place: Path, use: Callable[[History], Any]) -> None:
    history = History(place)
    history.auto_warn = False
    use(history)
    history.of("host:1").record_request(["op1"])
    assert not history.flush(10.0)
    assert history.take_warning().startswith("No history is kept, because ")
    assert history.take_warning() == ""
    assert [record.id for record in history.records()] == ["op1"]
    history.close()


def test_a_client_and_a_recorder(place: Path) -> None:
    with (
        ScriptedServer(lambda call: message(call.id, done=True)) as server,
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        with client_of(server) as client:
            client.history = History(place)
            recorder(client.history)
            for _ in range(5):
                assert client.wait("op1", 20).done
                assert client.get("op1").done
                client.history.flush(10.0)
        client.history.close()
    (one,) = warned
    assert str(one.message).startswith("No history is kept, because ")


def test_the_extension(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    config = Config({"HistoryManager": {"enabled": False}, "OpMagics": {"history": str(place)}})
    shell = InteractiveShell(config=config, ipython_dir=str(tmp_path / "ipython"))
    load_ipython_extension(shell)
    assert list(shell.run_line_magic("op", "list;")) == []
    with provisionalcompleter():
        assert "wait" in [found.text for found in shell.Completer.completions("%op w", 5)]
    with ScriptedServer(lambda call: message(call.id, done=True)) as server:
        shell.run_line_magic("op", f"connect {server.address};")
        for _ in range(2):
            assert shell.run_line_magic("op", "wait op1;").done
            assert [record.id for record in shell.run_line_magic("op", "list;")] == ["op1"]
    unload_ipython_extension(shell)
    assert capsys.readouterr().err.count("No history is kept, because ") == 1


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("~nobody-of-that-name/h.sqlite", "nobody has the home folder ~nobody-of-that-name"),
        ("~nobody-of-that-name", "nobody has the home folder ~nobody-of-that-name"),
        ("a\0b", "null"),
    ],
)
def test_no_path_of_a_file(path: str, why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    history = History(path)
    history.auto_warn = False
    history.request_read()
    history.ensure_read()
    history.of("host:1").record_request(["op1"])
    assert not history.flush()
    warning = history.take_warning()
    assert why in warning
    assert warning.isprintable()
    assert list(tmp_path.iterdir()) == []
    history.close()


# As root every folder may be entered.
_CLOSED = """
import os, sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
from ds_ops_magic import load_ipython_extension, recorder, unload_ipython_extension
from ds_ops_magic.history.history import History

closed, ipython = sys.argv[1:]
os.environ["DS_OPS_MAGIC_HISTORY"] = f"{ipython}/first.sqlite"
shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}), ipython_dir=ipython)
load_ipython_extension(shell)
shell.run_line_magic("op", "list;")  # what it imports may be where another user cannot read
unload_ipython_extension(shell)
os.environ["DS_OPS_MAGIC_HISTORY"] = f"{closed}/history.sqlite"
os.chmod(closed, 0)
if os.geteuid() == 0:
    os.setuid(65534)
load_ipython_extension(shell)
assert list(shell.run_line_magic("op", "list;")) == []
history = History(f"{closed}/history.sqlite")
recorder(history)
history.request_read()
history.ensure_read()
history.of("host:1").record_request(["op1"])
print(history.flush(10.0), history.take_warning())
"""


def test_a_folder_without_permission(tmp_path: Path) -> None:
    with TemporaryDirectory() as folder:  # that of pytest is closed to others
        Path(folder).chmod(0o755)
        closed = Path(folder) / "closed"
        closed.mkdir()
        with python(_CLOSED, closed, tmp_path) as process:
            out, errors = process.communicate(timeout=60)
        closed.chmod(0o700)
    warning = f"No history is kept, because {closed}/history.sqlite cannot be used: Permission denied. "
    assert process.returncode == 0, errors
    assert out.splitlines()[-1].startswith(f"False {warning}")
    assert errors.startswith(warning)
    assert len(errors.splitlines()) == 1


def test_a_current_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    history = default_history("history.sqlite")
    assert history
    history.auto_warn = False
    history.request_read()
    assert not history.flush(10.0)
    assert "history.sqlite cannot be used: the current folder is gone." in history.take_warning()
    history.close()
