"""%op connect and the configuration in a shell of one's own: where it goes, and what it keeps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from IPython.core.error import UsageError

from ds_ops_magic import (
    AuthenticationError,
    LocalService,
    NotConnected,
    OperationsError,
    ServiceRefused,
    Status,
    connect,
    unload_ipython_extension,
)
from ds_ops_magic.local import close_shared, shared
from ds_ops_magic.model.grpc_codes import error_for
from tests.support.scripted import Call, ScriptedServer

Op = Callable[..., Any]


def test_connect_says_where_and_as_whom(
    shell: Any, operation_service: LocalService, capsys: pytest.CaptureFixture[str]
) -> None:
    client = shell.run_line_magic("op", f"connect {operation_service.address}")
    assert client.connection.endpoint == operation_service.address
    said = capsys.readouterr().out
    assert said == f"connected to {operation_service.address} as nobody in particular\n"
    shell.user_ns["where"] = operation_service.address
    shell.user_ns["local"] = 3  # a word of the command, whatever the user's variables are
    for line in ("connect where", "connect {where}"):
        shell.run_line_magic("op", line)
        assert capsys.readouterr().out == said
    shell.run_line_magic("op", "connect where;")
    assert capsys.readouterr().out == ""


def test_an_expression_that_fails(shell: Any) -> None:
    with pytest.raises(UsageError, match="1/0 cannot be evaluated: ZeroDivisionError"):
        shell.run_line_magic("op", "connect {1/0}")


@pytest.mark.parametrize("line", ["connect nowhere", "connect number", "connect {[]}"])
def test_what_is_nothing_to_connect_to(shell: Any, line: str) -> None:
    shell.user_ns["number"] = 3
    with pytest.raises(NotConnected, match="is nothing to connect to"):
        shell.run_line_magic("op", line)


def test_a_connection_that_fails_leaves_the_last_one(op: Op, begin: Op) -> None:
    name = begin(0)
    with pytest.raises(NotConnected):
        op("connect nowhere")
    assert op(f"get {name}").id == name


def test_first_use_connects_to_the_endpoint(shell: Any, operation_service: LocalService, begin: Op) -> None:
    shell.run_line_magic("config", f"OpMagics.endpoint = '{operation_service.address}'")
    name = begin(0)
    assert shell.run_line_magic("op", f"get {name}").id == name
    assert shell.run_line_magic("op", f"wait {name}").done


def test_refused_settings(shell: Any, capfd: Any) -> None:
    magics = shell.magics_manager.registry["OpMagics"]
    for line in ("rate = 0", "rate = -1", "rate = float('nan')", "timeout = -1", "display = 'loud'", "endpoint = 3"):
        shell.run_line_magic("config", f"OpMagics.{line}")
    assert (magics.rate, magics.timeout, magics.display, magics.endpoint) == (200.0, None, "auto", "")


@pytest.fixture
def local(shell: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The shell, connected to the service of this process, on a database of its own."""
    monkeypatch.setenv("DS_OPS_MAGIC_LOCAL_DB", str(tmp_path / "local.sqlite"))
    shell.run_line_magic("op", "connect local;")
    return shell


def test_local_starts_the_service_of_this_process(local: Any, capsys: pytest.CaptureFixture[str]) -> None:
    operation = shared().simulate(0.1)
    assert local.run_line_magic("op", f"wait {operation.id}").done
    local.run_line_magic("op", "connect local")
    assert capsys.readouterr().out.endswith(f"connected to {shared().address} as the owner of this process\n")


def test_connecting_again_keeps_the_local_service(local: Any, operation_service: LocalService) -> None:
    service, begun, go_on = shared(), threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        assert go_on.wait(20)
        return "finished"

    operation = service.submit(work)
    assert begun.wait(20)
    local.run_line_magic("op", "connect local;")
    local.run_line_magic("op", f"connect {operation_service.address};")
    assert service.get(operation.id).status is Status.RUNNING
    local.run_line_magic("op", "connect local;")
    assert shared() is service
    go_on.set()
    assert local.run_line_magic("op", f"wait {operation.id} --quiet").status is Status.SUCCEEDED


def test_closing_the_client_keeps_the_local_service(local: Any) -> None:
    operation = shared().simulate(0)
    connect("local").close()
    assert local.run_line_magic("op", f"get {operation.id}").done


@pytest.mark.parametrize("elsewhere", [True, False])
def test_unloading_stops_the_local_service(local: Any, operation_service: LocalService, elsewhere: bool) -> None:
    service = shared()
    if elsewhere:
        local.run_line_magic("op", f"connect {operation_service.address};")
    with connect("local"):
        unload_ipython_extension(local)
        with pytest.raises(OperationsError, match="not started"):
            service.get("a")


def test_unloading_keeps_a_service_it_never_used(
    shell: Any, operation_service: LocalService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DS_OPS_MAGIC_LOCAL_DB", str(tmp_path / "local.sqlite"))
    service = shared()
    try:
        shell.run_line_magic("op", f"connect {operation_service.address};")
        unload_ipython_extension(shell)
        assert shared() is service
    finally:
        close_shared()


def test_no_operation_service(shell: Any) -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with pytest.raises(ServiceRefused) as caught:
            shell.run_line_magic("op", f"connect 127.0.0.1:{port}")
    finally:
        server.stop(0).wait()
    assert caught.value.code == "UNIMPLEMENTED"
    assert caught.value.args[0] == f"127.0.0.1:{port} does not answer as an OperationService."
    assert len(caught.value.args) <= 3
    assert caught.value.args[2] == "Connect to the endpoint of one: %op connect ENDPOINT"


def test_a_failing_service_is_named_by_its_address(shell: Any) -> None:
    def get(call: Call) -> Any:
        call.refuse(grpc.StatusCode.DATA_LOSS, "broken")

    with ScriptedServer(get) as server, pytest.raises(ServiceRefused) as caught:
        shell.run_line_magic("op", f"connect {server.address}")
    assert caught.value.args[0] == f"{server.address} does not answer as an OperationService."
    assert caught.value.args[1] == "DATA_LOSS: broken"


def test_refused_credentials_name_no_operation() -> None:
    said = error_for("UNAUTHENTICATED", "The token has expired", "", "get", "$YC_TOKEN").args
    assert said == (
        "The service refused the credentials from $YC_TOKEN.",
        "UNAUTHENTICATED: The token has expired",
        "Get valid ones, then: %op connect",
    )


def test_a_service_that_wants_credentials_says_so(shell: Any) -> None:
    def get(call: Call) -> Any:
        call.refuse(grpc.StatusCode.UNAUTHENTICATED, "The token has expired")

    with ScriptedServer(get) as server, pytest.raises(AuthenticationError) as caught:
        shell.run_line_magic("op", f"connect {server.address}")
    assert len(caught.value.args) <= 3
    assert caught.value.args[0] == f"{server.address} wants credentials, and none were given."
