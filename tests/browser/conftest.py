from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import playwright.sync_api
import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.connect import find_connection_file
from playwright.sync_api import Browser

from tests.support import ipykernels
from tests.support.jupyter_lab import SETUP, Desk, Lab, Notebook, running_browser, running_lab, write_notebook

FAILED = pytest.StashKey[bool]()
RUNNING = contextlib.ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know that their test has failed, so that they can say what its page looked like."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """End browser and server with the last test here: while a browser runs, no other event loop can in this thread."""
    yield
    if nextitem is None or not nextitem.path.is_relative_to(Path(__file__).parent):
        RUNNING.close()


@pytest.fixture(scope="session")
def browser() -> Browser:
    """The one browser of all tests here."""
    return RUNNING.enter_context(running_browser())


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """One JupyterLab with a kernel of each version of ipykernel."""
    installed = ipykernels.install(tmp_path_factory.mktemp("kernels"))
    running = RUNNING.enter_context(running_lab(tmp_path_factory.mktemp("lab"), kernels=installed))
    sleepy = ipykernels.kernel_name("7.3.0")
    RUNNING.enter_context(kept_awake(lambda: running.kernels(sleepy)))
    return running


@pytest.fixture(scope="session")
def desk(lab: Lab, browser: Browser) -> Desk:
    """The page that all tests here share."""
    return Desk(lab, browser)


@pytest.fixture
def opened(desk: Desk, lab: Lab, request: pytest.FixtureRequest) -> Iterator[Callable[..., Notebook]]:
    """Opens a notebook of the given cells, after one that connects; ends it and its kernel afterwards.

    After a test that has failed, the next one gets a new page.
    """
    pages: list[Notebook] = []

    def open_notebook(*cells: str, version: str = ipykernels.VERSIONS[-1]) -> Notebook:
        kernel = ipykernels.kernel_name(version)
        name = request.node.name.replace("[", "-").rstrip("]") + ".ipynb"
        write_notebook(lab.folder / name, SETUP, *cells, kernel=kernel)
        pages.append(desk.open(name))
        if version == "7.3.0":
            # It loses events (`kept_awake`), the first one too: loading the page again helps, as the README says.
            with contextlib.suppress(playwright.sync_api.TimeoutError):
                pages[-1].wait_for_kernel(20.0)
                return pages[-1]
            pages[-1].reload()
        pages[-1].wait_for_kernel()
        return pages[-1]

    yield open_notebook
    for notebook in pages:
        if notebook.page.is_closed():
            continue
        if request.node.stash.get(FAILED, False):
            print(notebook.describe())
            notebook.close()
        else:
            notebook.put_away()


@contextlib.contextmanager
def kept_awake(kernel_ids: Callable[[], list[str]]) -> Iterator[None]:
    """Keep kernels of ipykernel 7.3 listening, whose shell socket now and then no longer notices what arrives.

    ipykernel 7.3 sends replies on the socket past the stream that reads it. When a request arrives at that very moment
    its event is lost, and so are all that follow (about once in 20 requests that come on the heels of another; never on
    7.4, which sends through the stream). A new connection to the socket wakes it: so one is made every second.
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
