"""A system that has no more threads to give."""

from __future__ import annotations

import threading

import pytest


class Threadless:
    """Lets no thread of some names start, which may be changed at any time, and counts those it has refused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
        self.names = set(names)
        self.refused = 0
        start = threading.Thread.start

        def started(thread: threading.Thread) -> None:
            if thread.name in self.names:
                self.refused += 1
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", started)
