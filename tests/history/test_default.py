"""Which file the history of a process is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from ds_ops_magic.history import default
from ds_ops_magic.history.default import default_history, use_profile


@pytest.fixture(autouse=True)
def no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default, "_profile", None)


def path_of(name: str = "") -> Path:
    history = default_history(name)
    assert history
    return history.path


def test_name_then_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_OPS_MAGIC_HISTORY", str(tmp_path / "environment.sqlite"))
    assert path_of(str(tmp_path / "named.sqlite")) == tmp_path / "named.sqlite"
    assert path_of() == tmp_path / "environment.sqlite"


def test_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DS_OPS_MAGIC_HISTORY")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("IPYTHONDIR", raising=False)
    assert path_of() == tmp_path / ".ipython" / "profile_default" / "ds_ops_magic.sqlite"
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    assert path_of() == tmp_path / "profile_default" / "ds_ops_magic.sqlite"
    use_profile(tmp_path / "profile_mine")
    assert path_of() == tmp_path / "profile_mine" / "ds_ops_magic.sqlite"


def test_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert default_history("none") is None
    monkeypatch.setenv("DS_OPS_MAGIC_HISTORY", "NONE")
    assert default_history() is None
    assert default_history(str(tmp_path / "named.sqlite")) is not None


def test_one_history_a_file(tmp_path: Path) -> None:
    assert default_history(f"{tmp_path}/a.sqlite") is default_history(f"{tmp_path}/sub/../a.sqlite")
    assert list(tmp_path.iterdir()) == []  # nothing is made before something is kept
