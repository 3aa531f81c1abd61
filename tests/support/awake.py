"""Keeps kernels of ipykernel 7.3 listening, whose shell socket now and then no longer notices what arrives.

ipykernel 7.3 sends replies on the socket past the stream that reads it. When a request arrives at that very moment its
event is lost, and so are all that follow (about once in 20 requests that come on the heels of another; never on 7.4,
which sends through the stream). A new connection to the socket wakes it: so one is made every second.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.connect import find_connection_file


@contextlib.contextmanager
def kept_awake(kernel_ids: Callable[[], list[str]]) -> Iterator[None]:
    """Wake kernels every second.

    Args:
        kernel_ids: Gives the ids of those that run now.
    """
    over = threading.Event()

    def run() -> None:
        while not over.wait(1.0):
            # The server may be about to start or to end the very kernel that is asked about: a second later, then.
            with contextlib.suppress(OSError):
                for kernel_id in kernel_ids():
                    _wake(kernel_id)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _wake(kernel_id: str) -> None:
    client = BlockingKernelClient(connection_file=find_connection_file(kernel_id))
    client.load_connection_file()
    client.start_channels(iopub=False, stdin=False, hb=False, control=False)
    client.kernel_info()
    client.stop_channels()
