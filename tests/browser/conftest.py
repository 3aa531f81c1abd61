from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import ipykernels
import pytest
from awake import kept_awake
from jupyter_lab import SETUP, Desk, Lab, Notebook, running_browser, running_lab, write_notebook
from playwright.sync_api import Browser

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know that their test has failed, so that they can say what its page looked like."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one module: while it runs, no other event loop can run in this thread."""
    with running_browser() as running:
        yield running


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab with a kernel of each version of ipykernel."""
    installed = ipykernels.install(tmp_path_factory.mktemp("kernels"))
    with running_lab(tmp_path_factory.mktemp("lab"), kernels=installed) as running:
        sleepy = ipykernels.kernel_name("7.3.0")
        with kept_awake(lambda: running.kernels(sleepy)):
            yield running


@pytest.fixture(scope="module")
def desk(lab: Lab, browser: Browser) -> Desk:
    """The page that the tests of a module share."""
    return Desk(lab, browser)


@pytest.fixture
def opened(lab: Lab, browser: Browser, desk: Desk, request: pytest.FixtureRequest) -> Iterator[Callable[..., Notebook]]:
    """Opens a notebook of the given cells, after one that connects; ends it and its kernel afterwards.

    It is in the page of its module, unless another application than JupyterLab is to show it. After a test that has
    failed, the next one gets a new page.
    """
    pages: list[Notebook] = []

    def open_notebook(*cells: str, version: str = ipykernels.VERSIONS[-1], app: str = "doc/tree") -> Notebook:
        kernel = ipykernels.kernel_name(version)
        name = f"{request.node.originalname}-{kernel}-{len(pages)}.ipynb"
        write_notebook(lab.folder / name, SETUP, *cells, kernel=kernel)
        pages.append(desk.open(name) if app == "doc/tree" else lab.open(browser, name, app=app))
        pages[-1].wait_for_kernel()
        return pages[-1]

    yield open_notebook
    failed = request.node.stash.get(FAILED, False)
    for notebook in pages:
        if failed:
            print(notebook.describe())
            notebook.close()
        desk.put_away(notebook)
