"""%op connect in a real kernel: to a service in a process of its own, with a token, and to what is wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.kernels import wait_until

if TYPE_CHECKING:
    from ds_ops_magic import LocalService
    from tests.support.kernels import Kernel


class Outside(NamedTuple):
    """A service in a process of its own."""

    address: str
    token: str
    operation: str


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    database = tmp_path_factory.mktemp("outside") / "operations.sqlite"
    command = [sys.executable, "-m", "ds_ops_magic.local", "--db", str(database), "--demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().removeprefix("listening on ").strip()
            token = Path(process.stdout.readline().removeprefix("token in ").strip()).read_text().strip()
            yield Outside(address, token, process.stdout.readline().split()[0])
        finally:
            process.terminate()


@pytest.fixture
def anywhere(kernel: Kernel, operation_service: LocalService) -> Iterator[Kernel]:
    """The shared kernel, which is connected to its own service again afterwards."""
    yield kernel
    kernel.ok(f"%op connect {operation_service.address}")


def test_a_token_from_the_environment(anywhere: Kernel, outside: Outside) -> None:
    anywhere.ok(f"import os; os.environ['OP_TOKEN'] = {outside.token!r}")
    seen = len(anywhere.messages)
    cell = anywhere.ok(f"%op connect {outside.address} --iam-token-env OP_TOKEN")
    assert cell.stdout == f"connected to {outside.address} as the bearer of $OP_TOKEN\n"
    assert not cell.results  # said once
    assert "Train a model" in anywhere.ok(f"%op get {outside.operation}").results[0]["text/plain"]
    cell = anywhere.ok(f"%op cancel {outside.operation} --wait")
    assert "– cancelled" in cell.displays[0]["text/plain"]
    assert outside.token not in str(anywhere.messages[seen:])


def test_a_wrong_token(anywhere: Kernel, outside: Outside) -> None:
    anywhere.ok("import os; os.environ['OP_TOKEN'] = 'wrong-and-secret'")
    seen = len(anywhere.messages)
    cell = anywhere.run(f"%op connect {outside.address} --iam-token-env OP_TOKEN")
    lines = cell.brief("AuthenticationError")
    assert "$OP_TOKEN" in lines[0]
    assert "wrong-and-secret" not in str(anywhere.messages[seen:])


def test_no_token(anywhere: Kernel, outside: Outside) -> None:
    lines = anywhere.run(f"%op connect {outside.address}").brief("AuthenticationError")
    assert lines[-1].endswith(f"%op connect {outside.address} --iam-token-env NAME")
    lines = anywhere.run(f"%op connect {outside.address} --iam-token-env NO_SUCH_TOKEN").brief("NotConnected")
    assert "$NO_SUCH_TOKEN is unset or empty" in lines[0]


@pytest.mark.parametrize("endpoint", ["127.0.0.1:1", "unix:/nowhere/ops.sock"])
def test_nobody_is_there(anywhere: Kernel, endpoint: str) -> None:
    lines = anywhere.run(f"%op connect {endpoint}").brief("ServiceUnavailable")
    assert lines[0] == f"ServiceUnavailable: No answer from {endpoint}."
    assert lines[1].startswith("UNAVAILABLE: ")


@pytest.mark.parametrize("words", ["nowhere", "http://127.0.0.1", "127.0.0.1:1 --ca /nowhere.pem"])
def test_no_endpoint(anywhere: Kernel, words: str) -> None:
    anywhere.run(f"%op connect {words}").brief("NotConnected")


def test_connecting_elsewhere_stops_watches(anywhere: Kernel, operation_service: LocalService) -> None:
    operation = operation_service.simulate(60)
    anywhere.ok(f"w = %op watch {operation.id}")
    anywhere.ok(f"%op connect {operation_service.address}")
    wait_until(lambda: anywhere.value("w.view().stopped"))
    assert not operation_service.get(operation.id).done


def test_local_is_a_service_of_the_kernel(anywhere: Kernel) -> None:
    cell = anywhere.ok("%op connect local")
    assert cell.stdout.startswith("connected to unix:/")
    assert cell.stdout.endswith(" as the owner of this process\n")
    anywhere.ok("from ds_ops_magic.local import shared\njob = shared().submit(lambda: 'answer')")
    cell = anywhere.ok("%op wait job")
    assert "✓ succeeded" in cell.displays[0]["text/plain"]
    assert "answer" in cell.displays[0]["text/plain"]


def test_an_unusable_sdk(anywhere: Kernel) -> None:
    anywhere.ok("class SDK:\n    def client(self): ...\n    def waiter(self): ...\nsdk = SDK()")
    lines = anywhere.run("%op connect sdk").brief("NotConnected")
    assert lines[0].startswith("NotConnected: This yandexcloud.SDK cannot be used")
