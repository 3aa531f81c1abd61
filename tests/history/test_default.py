"""Which file the history of a process is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from ds_ops_magic.history import default
from ds_ops_magic.history.default import default_history, use_profile


@pytest.fixture(autouse=True)
def no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default, "_profile", None)


def test_name_then_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_OPS_MAGIC_HISTORY", str(tmp_path / "environment.sqlite"))
    named, by_environment = default_history(str(tmp_path / "named.sqlite")), default_history()
    assert named
    assert by_environment
    assert (named.path.name, by_environment.path.name) == ("named.sqlite", "environment.sqlite")


def test_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DS_OPS_MAGIC_HISTORY")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    default = default_history()
    assert default
    assert default.path == tmp_path / "profile_default" / "ds_ops_magic.sqlite"
    use_profile(tmp_path / "profile_mine")
    mine = default_history()
    assert mine
    assert mine.path == tmp_path / "profile_mine" / "ds_ops_magic.sqlite"


def test_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DS_OPS_MAGIC_HISTORY", "IPYTHONDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = default_history()
    assert found
    assert found.path == tmp_path / ".ipython" / "profile_default" / "ds_ops_magic.sqlite"


def test_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert default_history("none") is None
    monkeypatch.setenv("DS_OPS_MAGIC_HISTORY", "NONE")
    assert default_history() is None
    assert default_history(str(tmp_path / "named.sqlite")) is not None


def test_one_history_a_file(tmp_path: Path) -> None:
    assert default_history(f"{tmp_path}/a.sqlite") is default_history(f"{tmp_path}/sub/../a.sqlite")
    assert list(tmp_path.iterdir()) == []  # nothing is made before something is kept
