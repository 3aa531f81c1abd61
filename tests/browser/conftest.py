from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import ipykernels
import pytest
from awake import kept_awake
from jupyter_lab import SETUP, Lab, Notebook, running_browser, running_lab, write_notebook
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


@pytest.fixture
def opened(lab: Lab, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Notebook]]:
    """Opens notebooks of the given cells, after one that connects; ends their pages and kernels afterwards."""
    pages: list[Notebook] = []

    def open_notebook(
        *cells: str, version: str = ipykernels.VERSIONS[-1], kernel: str = "", app: str = "doc/tree"
    ) -> Notebook:
        kernel = kernel or ipykernels.kernel_name(version)
        name = f"{request.node.originalname}-{kernel}-{len(pages)}.ipynb"
        write_notebook(lab.folder / name, SETUP, *cells, kernel=kernel)
        pages.append(lab.open(browser, name, app=app))
        pages[-1].wait_for_kernel()
        return pages[-1]

    yield open_notebook
    for notebook in pages:
        if request.node.stash.get(FAILED, False):
            print(notebook.describe())
        notebook.close()
