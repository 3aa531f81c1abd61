"""A source of tokens that is silent while a token is refreshed: waits go on, requests end, and Python exits."""

from __future__ import annotations

import threading
from typing import Any

import grpc
import pytest

from ds_ops_magic.connection import yandex
from ds_ops_magic.connection.credentials import CommandLine, EnvironmentToken, MetadataService
from ds_ops_magic.connection.tokens import TemporarilyUnavailable, Token
from ds_ops_magic.model.errors import AuthenticationError
from ds_ops_magic.polling.poller import IN_FLIGHT
from tests.support.following import lasting, python, until
from tests.support.scripted import Stage
from tests.support.sources import ClientBy, ScriptedSource, connection_by
from tests.support.stand_ins import CloudStandIn, CommandLineStandIn, MetadataStandIn


@pytest.mark.parametrize(
    ("silence", "answer"), [({"hangs": True}, {"hangs": False}), ({"status": 503}, {"status": 200})]
)
def test_a_silent_source(
    silence: dict[str, Any],
    answer: dict[str, Any],
    stage: Stage,
    cloud: CloudStandIn,
    machine: MetadataStandIn,
    client: ClientBy,
) -> None:
    with client(MetadataService()) as made:
        watch = made.watch(*(f"op{number}" for number in range(2 * IN_FLIGHT)))
        until(lambda: all(watch.operations))
        vars(machine).update(silence)
        cloud.accepted, machine.token = {"t1.of-the-next-hour"}, "t1.of-the-next-hour"
        until(lambda: machine.asked == 4)
        assert not [entry for entry in watch.view().entries if entry.ended]
        for name in watch.ids:
            stage.set(name, done=True)
        vars(machine).update(answer)
        assert len(watch.wait(20).succeeded) == 2 * IN_FLIGHT
    assert machine.asked < 8  # not once an operation


@pytest.mark.parametrize("kind", ["oauth", "yc"])
def test_a_silent_service_behind_a_source(
    kind: str,
    stage: Stage,
    cloud: CloudStandIn,
    program: CommandLineStandIn,
    client: ClientBy,
    environment: pytest.MonkeyPatch,
) -> None:
    program.does("echo t1.of-yc")
    cloud.accepted.add("t1.of-yc")
    with client(CommandLine() if kind == "yc" else EnvironmentToken("YC_TOKEN", is_iam=False)) as made:
        watch = made.watch("a")
        until(lambda: watch.operations[0])
        cloud.trouble = grpc.StatusCode.UNAVAILABLE
        program.does('echo "ERROR: rpc error: code = Unavailable desc = later" >&2; exit 1')
        cloud.accepted.clear()
        environment.setattr("ds_ops_magic.polling.health.REQUEST_TIMEOUT", 1.0)
        with pytest.raises(AuthenticationError, match=r"there is no fresh one from .*\n.*: .*later\n"):
            made.get("b")  # whose time is limited
        assert not watch.view().entries[0].ended
        stage.set("a", done=True)
        cloud.trouble = None
        program.does("echo t1.of-yc-again")
        cloud.accepted.add("t1.of-yc-again")
        assert watch.wait(20).succeeded


def test_a_source_without_a_limit(cloud: CloudStandIn, environment: pytest.MonkeyPatch) -> None:
    def give() -> Token:
        if not tokens:
            assert go_on.wait(20)
        return tokens.pop()

    tokens, go_on = [Token("t1.first")], threading.Event()
    cloud.accepted.add("t1.first")
    environment.setattr(yandex, "REFRESH_TIMEOUT", -0.5)  # a second is added to it
    connection = connection_by(cloud, ScriptedSource("slow", give))
    with pytest.raises(TemporarilyUnavailable, match=r"no fresh one from slow\.\nno answer within 0\.5 s"):
        connection.refresh(0)
    tokens += [Token("t1.late"), Token("t1.fresh")]
    go_on.set()
    connection.refresh(0)
    assert connection.token_generation == 1


_REFUSED = """
import sys
from pathlib import Path
from tests.support.following import QUICK
from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection import yandex
from ds_ops_magic.connection.yandex_api import Cloud
from ds_ops_magic.connection.credentials import EnvironmentToken
cloud = Cloud(sys.argv[1], Path(sys.argv[2]).read_bytes())
client = OperationClient(yandex.connect(cloud, [EnvironmentToken("YC_TOKEN", is_iam=False)], 20.0), schedule=QUICK)
watch = client.watch("a")
print("connected", flush=True)
sys.stdin.readline()
"""


def test_python_exits_while_a_source_is_silent(stage: Stage, cloud: CloudStandIn) -> None:
    with python(_REFUSED, cloud.address, cloud.ca) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "connected\n"
        cloud.hangs = True
        cloud.accepted.clear()
        until(lambda: cloud.hung)
        with lasting(0.0, 2.0):
            assert process.communicate("\n", timeout=30) == ("", "")
