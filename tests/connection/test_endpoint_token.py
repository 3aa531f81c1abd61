"""The token for an address: read from a variable, and again when it was refused."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import grpc
import pytest

from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.model.errors import AuthenticationError, PermissionDenied
from tests.support.following import client_of, until
from tests.support.scripted import Call, ScriptedServer, message

SECRET = "t1.s3cr3t-t0ken"


def test_it_is_read_again_when_it_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", f" {SECRET}\n")  # as a file read by a shell gives it
    connection = EndpointConnection("127.0.0.1:1", token_env="TOKEN")
    assert connection.metadata() == (("authorization", f"Bearer {SECRET}"),)
    with pytest.raises(AuthenticationError, match=r"refused the token in \$TOKEN") as caught:
        connection.refresh(0)
    monkeypatch.setenv("TOKEN", "t1.fresh")
    connection.refresh(0)
    assert connection.token_generation == 1
    assert connection.metadata() == (("authorization", "Bearer t1.fresh"),)
    connection.refresh(0)  # another one is in use already
    assert connection.token_generation == 1
    monkeypatch.delenv("TOKEN")
    with pytest.raises(AuthenticationError, match=r"\$TOKEN is unset") as later:
        connection.refresh(1)
    assert SECRET not in str(caught.value) + str(later.value)


def test_no_refresh_without_a_token() -> None:
    connection = EndpointConnection("127.0.0.1:1")
    assert connection.metadata() == ()
    with pytest.raises(AuthenticationError, match="wants credentials, and none were given") as caught:
        connection.refresh(0)
    assert "--iam-token-env NAME" in str(caught.value)


def test_a_late_refusal_that_quotes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "opaque-number-one")
    refreshed = threading.Event()

    def get(call: Call) -> Any:
        token = call.metadata["authorization"].removeprefix("Bearer ")
        if call.id == "late":
            refreshed.wait(10)
            call.refuse(grpc.StatusCode.PERMISSION_DENIED, f"no role for {token}")
        if token == "opaque-number-one":
            call.refuse(grpc.StatusCode.UNAUTHENTICATED)
        return message(call.id, done=True)

    with ScriptedServer(get) as server, client_of(server, token_env="TOKEN") as client:
        watch = client.watch("late")
        until(lambda: server.gets("late"))
        monkeypatch.setenv("TOKEN", "opaque-number-two")
        assert client.get("a").done
        refreshed.set()
        with pytest.raises(PermissionDenied, match=r"no role for \(token\)") as caught:
            watch.wait(20)
    assert "opaque" not in str(caught.value)


def test_a_pickle_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", SECRET)

    def get(call: Call) -> Any:
        if call.metadata.get("authorization") != f"Bearer {SECRET}":
            call.refuse(grpc.StatusCode.UNAUTHENTICATED)
        return message(call.id, done=True)

    with ScriptedServer(get) as server:
        with client_of(server, token_env="TOKEN", rate=7.0) as client:
            assert client.get("a").done
            pickled = pickle.dumps(client)
        assert SECRET.encode() not in pickled
        with pickle.loads(pickled) as again:  # noqa: S301  # our own
            assert again.wait("b").done
            assert repr(again) == repr(client)
