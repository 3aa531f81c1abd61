"""What the widgets of a test send."""

from __future__ import annotations

from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Kinds of the messages that widgets send from now on."""
    kinds: list[str] = []

    class RecordingComm(BaseComm):
        def publish_msg(self, msg_type: str, *_: Any, **__: Any) -> None:
            kinds.append(msg_type)

    monkeypatch.setattr(comm, "create_comm", RecordingComm)
    return kinds
