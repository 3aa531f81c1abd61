"""What tests of several folders share: a service, a shell of one's own, and a real kernel that is connected."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ds_ops_magic import LocalService
    from tests.support.kernels import Kernel


def pytest_configure(config: pytest.Config) -> None:
    """Keep what the tests write out of the home folder, and every kernel they start away from real credentials."""
    folder = tempfile.TemporaryDirectory()
    os.environ["DS_OPS_MAGIC_LOCAL_DB"] = f"{folder.name}/local.sqlite"
    os.environ["DS_OPS_MAGIC_HISTORY"] = f"{folder.name}/history.sqlite"
    os.environ["YC_METADATA_ADDR"] = "127.0.0.1:1"  # no test asks the machine it runs on for credentials
    config.add_cleanup(folder.cleanup)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Have no file in two workers, and in one all that share a JupyterLab and its page, or virtual environments.

    Said here by the paths of the tests, and not by ``xdist_group``: pytest 9.2 has made the name private that
    pytest-xdist 3.8 writes groups to, and then silently mixes everything.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.split("::")[0]
            shares_a_lab = path.startswith("tests/browser/") and path != "tests/browser/test_front_ends.py"
            if path.startswith("tests/clients/"):
                return "clients"
            return "browser" if shares_a_lab else path

    return Scheduling(config, log)


@pytest.fixture(scope="module")
def operation_service() -> Iterator[LocalService]:
    """A LocalService in this process: tests begin operations here, and kernels ask over its socket.

    Not of the whole session: its threads would be in the way of tests that look for threads that were left behind.
    """
    from ds_ops_magic import LocalService

    with LocalService() as service:
        yield service


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A shell with the magics loaded: not the global one, without a terminal or a kernel, with a history of its own."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from ds_ops_magic import load_ipython_extension, unload_ipython_extension

    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # a shell puts its own there
    monkeypatch.setenv("DS_OPS_MAGIC_HISTORY", str(tmp_path / "history.sqlite"))
    config = Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}})
    made = InteractiveShell(config=config, ipython_dir=str(tmp_path))
    load_ipython_extension(made)
    yield made
    unload_ipython_extension(made)


@pytest.fixture(scope="session")
def one_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """The one kernel that all tests share which leave it as it was, with the extension loaded."""
    from tests.support.kernels import started

    folder = tmp_path_factory.mktemp("kernel")
    places = {"DS_OPS_MAGIC_LOCAL_DB": f"{folder}/local.sqlite", "DS_OPS_MAGIC_HISTORY": f"{folder}/history.sqlite"}
    with started(**places) as kernel:
        kernel.ok("%load_ext ds_ops_magic")
        yield kernel


@pytest.fixture(scope="module")
def connected_kernel(one_kernel: Kernel, operation_service: LocalService) -> Kernel:
    """That kernel, connected to the service."""
    one_kernel.ok(f"%op connect {operation_service.address}")
    return one_kernel


@pytest.fixture
def kernel(connected_kernel: Kernel) -> Iterator[Kernel]:
    """The shared kernel, connected, with its configuration and without what the last test has left."""
    connected_kernel.messages.clear()
    yield connected_kernel
    connected_kernel.ok("%config OpMagics.display = 'auto'\n%config OpMagics.timeout = None")
