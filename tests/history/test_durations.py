"""How long operations take, learned from what the history holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from yandex.cloud.datasphere.v2.project_service_pb2 import CreateProjectMetadata

from ds_ops_magic.history.history import History
from ds_ops_magic.model.operation import Operation
from tests.support.scripted import message

KIND = "yandex.cloud.datasphere.v2.CreateProjectMetadata"
Open = Callable[[], History]


@pytest.fixture
def open_history(tmp_path: Path) -> Iterator[Open]:
    """Opens the history as one more kernel would."""
    opened: list[History] = []

    def opening() -> History:
        opened.append(History(tmp_path / "history.sqlite"))
        return opened[-1]

    yield opening
    for history in opened:
        history.close()


def snapshot(name: str, age: float, **how: bool | tuple[int, str]) -> Operation:
    made = message(name, age=age, **how)
    made.metadata.Pack(CreateProjectMetadata(project_id="p1"))
    return Operation.from_proto(made)


def test_durations_of_earlier_processes(open_history: Open) -> None:
    history = open_history()
    here = history.of("host:1")
    for number, age in enumerate((120.0, 60.0, 180.0)):
        here.record_snapshot(snapshot(f"op{number}", age, done=True))
    here.record_snapshot(snapshot("failed", 5.0, done=True, error=(8, "")))
    here.record_snapshot(snapshot("running", 5.0))
    assert history.flush(10.0)
    for known in (history, open_history()):
        known.refresh()
        assert known.of("host:1").durations[KIND].seconds == pytest.approx((60.0, 120.0, 180.0), abs=0.1)
        assert KIND not in known.of("elsewhere").durations


def test_a_run_counts_once(open_history: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ds_ops_magic.history.record._SEEN_AGAIN", 0.0)  # so that each time is written
    first, second = open_history(), open_history()
    ended = [snapshot(name, 60.0, done=True) for name in ("op1", "op2", "op3")]
    for each in ended:
        first.record_created(each)  # before anybody knows where
    for known in (first, second, first):
        known.refresh()
        for _ in range(3):
            for each in ended:
                known.of("host:1").record_snapshot(each)
        assert known.flush(10.0)
        assert len(known.of("host:1").durations[KIND].seconds) == 3
