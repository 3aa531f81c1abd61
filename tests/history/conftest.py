"""What the tests of the history share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from yandex.cloud.datasphere.v2.project_service_pb2 import CreateProjectMetadata

from ds_ops_magic.history.database import HistoryFile
from ds_ops_magic.history.history import History
from ds_ops_magic.history.record import Record
from ds_ops_magic.model.operation import Operation
from tests.support.scripted import message

KIND = "yandex.cloud.datasphere.v2.CreateProjectMetadata"
NOW = datetime(2026, 3, 4, 12, tzinfo=timezone.utc).timestamp()
DAY = 86400.0
OpenHistory = Callable[..., History]


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


@pytest.fixture
def file(path: Path) -> Iterator[HistoryFile]:
    opened = HistoryFile(path)
    yield opened
    opened.close()


@pytest.fixture
def open_history(path: Path) -> Iterator[OpenHistory]:
    """Opens the history as one more kernel would, with arguments as of `History`."""
    opened: list[History] = []

    def opening(*clock: Clock) -> History:
        opened.append(History(path, *clock))
        return opened[-1]

    yield opening
    for history in opened:
        history.close()


@pytest.fixture
def history(open_history: OpenHistory) -> History:
    """A history that warns of nothing by itself."""
    made = open_history()
    made.auto_warn = False
    return made


def snapshot(name: str = "op1", **how: Any) -> Operation:
    """Make a snapshot that has a kind; arguments as of `message`."""
    made = message(name, **how)
    made.metadata.Pack(CreateProjectMetadata(project_id="p1"))
    return Operation.from_proto(made)


def all_of(history: History) -> list[Record]:
    """Return all that is kept, once all is written and read."""
    assert history.flush(10.0)
    history.refresh()
    return history.records()


def kept(path: Path) -> dict[str, str]:
    """Return the state of each operation by id, as another kernel finds it."""
    other = History(path)
    other.refresh()
    assert other.flush(10.0)
    states = {record.id: record.state for record in other.records()}
    other.close()
    return states
