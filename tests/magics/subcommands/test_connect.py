"""%op connect and the configuration in a shell of one's own: where it goes, and what it keeps."""

from __future__ import annotations

import threading
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
from tests.magics import Op
from tests.support.scripted import ScriptedServer


def test_connect_says_where_and_as_whom(
    shell: Any, run: Op, operation_service: LocalService, capsys: pytest.CaptureFixture[str]
) -> None:
    client = run(f"connect {operation_service.address}")
    assert client.connection.endpoint == operation_service.address
    said = capsys.readouterr().out
    assert said == f"connected to {operation_service.address} as nobody in particular\n"
    shell.user_ns["where"] = operation_service.address
    shell.user_ns["local"] = 3  # a word of the command, whatever the user's variables are
    for line in ("connect where", "connect {where}"):
        run(line)
        assert capsys.readouterr().out == said
    run("connect where;")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("target", ["nowhere", "number", "{[]}", "{1/0}"])
def test_nothing_to_connect_to_keeps_the_last_connection(op: Op, begin: Op, shell: Any, target: str) -> None:
    shell.user_ns["number"] = 3
    failed = target == "{1/0}"
    kind, sentence = (
        (UsageError, "1/0 cannot be evaluated: Zero") if failed else (NotConnected, "is nothing to connect to")
    )
    with pytest.raises(kind, match=sentence):
        op(f"connect {target}")
    name = begin(0)
    assert op(f"get {name}").id == name


def test_first_use_connects_to_the_endpoint(shell: Any, run: Op, operation_service: LocalService, begin: Op) -> None:
    shell.run_line_magic("config", f"OpMagics.endpoint = '{operation_service.address}'")
    name = begin(0)
    assert run(f"get {name}").id == name


def test_refused_settings(shell: Any, capfd: Any) -> None:
    magics = shell.magics_manager.registry["OpMagics"]
    for line in ("rate = 0", "rate = -1", "rate = float('nan')", "timeout = -1", "display = 'loud'", "endpoint = 3"):
        shell.run_line_magic("config", f"OpMagics.{line}")
    assert (magics.rate, magics.timeout, magics.display, magics.endpoint) == (200.0, None, "auto", "")


@pytest.fixture
def local(shell: Any, run: Op, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The shell, connected to the service of this process, on a database of its own."""
    monkeypatch.setenv("DS_OPS_MAGIC_LOCAL_DB", str(tmp_path / "local.sqlite"))
    run("connect local;")
    return shell


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
    connect("local").close()
    assert shared() is service
    go_on.set()
    assert local.run_line_magic("op", f"wait {operation.id} --quiet").status is Status.SUCCEEDED


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
    shell: Any, run: Op, operation_service: LocalService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DS_OPS_MAGIC_LOCAL_DB", str(tmp_path / "local.sqlite"))
    service = shared()
    try:
        run(f"connect {operation_service.address};")
        unload_ipython_extension(shell)
        assert shared() is service
    finally:
        close_shared()


def test_refused_credentials_name_no_operation() -> None:
    said = error_for("UNAUTHENTICATED", "The token has expired", "", "get", "$YC_TOKEN").args
    assert said[0] == "The service refused the credentials from $YC_TOKEN."
    assert said[1:] == ("UNAUTHENTICATED: The token has expired", "Get valid ones, then: %op connect")


NO_SERVICE = "does not answer as an OperationService."
ADVICE = "Connect to the endpoint of one: %op connect ENDPOINT"


@pytest.mark.parametrize(
    ("code", "kind", "lines"),
    [
        ("UNIMPLEMENTED", ServiceRefused, f"{NO_SERVICE}\nUNIMPLEMENTED: broken\n{ADVICE}"),
        ("DATA_LOSS", ServiceRefused, f"{NO_SERVICE}\nDATA_LOSS: broken"),
        ("UNAUTHENTICATED", AuthenticationError, "wants credentials, and none were given."),
    ],
)
def test_a_service_that_refuses(run: Op, code: str, kind: type[OperationsError], lines: str) -> None:
    with ScriptedServer(lambda call: call.refuse(grpc.StatusCode[code], "broken")) as server:
        with pytest.raises(kind) as caught:
            run(f"connect {server.address}")
        assert f"{caught.value}\n".startswith(f"{server.address} {lines}\n")
    assert len(caught.value.args) <= 3
