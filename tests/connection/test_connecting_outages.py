"""A token is refused while the source of the next one is silent: an outage as any other, which a wait outlives."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from ds_ops_magic.connection.credentials import CommandLine, EnvironmentToken, MetadataService
from ds_ops_magic.model.errors import AuthenticationError
from ds_ops_magic.polling.poller import IN_FLIGHT
from tests.support.following import lasting, python, until
from tests.support.scripted import Stage
from tests.support.stand_ins import CloudStandIn, CommandLineStandIn, MetadataStandIn, path_with


@pytest.mark.parametrize(
    ("silence", "answer"), [({"hangs": True}, {"hangs": False}), ({"status": 503}, {"status": 200})]
)
def test_the_silence_of_a_source_is_an_outage_that_the_wait_outlives(
    silence: dict[str, Any],
    answer: dict[str, Any],
    stage: Stage,
    cloud: CloudStandIn,
    metadata: MetadataStandIn,
    client: Any,
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("YC_METADATA_ADDR", metadata.address)
    cloud.accepted.add(metadata.token)
    with client(MetadataService()) as made:
        watch = made.watch(*(f"op{number}" for number in range(2 * IN_FLIGHT)))
        until(lambda: all(watch.operations))
        vars(metadata).update(silence)
        cloud.accepted, metadata.token = {"t1.of-the-next-hour"}, "t1.of-the-next-hour"
        until(lambda: metadata.asked == 4)
        assert not [entry for entry in watch.view().entries if entry.ended]
        for name in watch.ids:
            stage.set(name, done=True)
        vars(metadata).update(answer)
        assert len(watch.wait(20).succeeded) == 2 * IN_FLIGHT
    assert metadata.asked < 8  # not once an operation


@pytest.mark.parametrize("kind", ["oauth", "yc"])
def test_the_silence_behind_a_source_is_an_outage_too(
    kind: str, stage: Stage, cloud: CloudStandIn, yc: CommandLineStandIn, client: Any, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("PATH", path_with(yc.folder))
    yc.does("echo t1.of-yc")
    cloud.accepted.add("t1.of-yc")
    with client(CommandLine() if kind == "yc" else EnvironmentToken("YC_TOKEN", is_iam=False)) as made:
        watch = made.watch("a")
        until(lambda: watch.operations[0])
        cloud.trouble = grpc.StatusCode.UNAVAILABLE
        yc.does('echo "ERROR: rpc error: code = Unavailable desc = later" >&2; exit 1')
        cloud.accepted.clear()
        environment.setattr("ds_ops_magic.polling.health.REQUEST_TIMEOUT", 1.0)
        with pytest.raises(AuthenticationError, match=r"there is no fresh one from .*\n.*: .*later\n"):
            made.get("b")  # whose time is limited
        assert not watch.view().entries[0].ended
        stage.set("a", done=True)
        cloud.trouble = None
        yc.does("echo t1.of-yc-again")
        cloud.accepted.add("t1.of-yc-again")
        assert watch.wait(20).succeeded


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
