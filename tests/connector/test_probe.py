"""The request with an empty id, which tells whether a service accepts the credentials: sent once per connect."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from ds_ops_magic.connector import connect
from ds_ops_magic.model.errors import ServiceRefused
from tests.support.certificates import Authority
from tests.support.following import until
from tests.support.scripted import ScriptedServer, message
from tests.support.sources import Connected, sdk_of
from tests.support.stand_ins import CloudStandIn

TOKEN = "t1.of-a-user"


@pytest.fixture(autouse=True)
def token(cloud: CloudStandIn, environment: pytest.MonkeyPatch) -> None:
    cloud.accepted.add(TOKEN)
    environment.setenv("YC_IAM_TOKEN", TOKEN)


@pytest.mark.parametrize("target", ["--discovery {0.address}", "{0.address} --iam-token-env YC_IAM_TOKEN", "sdk"])
def test_the_magic_sends_one(target: str, cloud: CloudStandIn, shell: Any) -> None:
    shell.user_ns["sdk"] = sdk_of(cloud, iam_token=TOKEN)
    ca = "" if target == "sdk" else f" --ca '{cloud.ca}'"
    shell.run_line_magic("op", f"connect {target.format(cloud)}{ca}")
    assert cloud.server.gets("") == 1
    assert shell.run_line_magic("op", "get a").done
    assert cloud.server.gets("") == 1


def test_a_script_sends_one_only_to_choose_credentials(connected: Connected, cloud: CloudStandIn) -> None:
    with connect(cloud.address, ca=cloud.ca, token_env="YC_IAM_TOKEN") as client:
        assert not cloud.server.calls
        assert client.get("a").done
    assert not cloud.server.gets("")
    assert connected().get("b").done
    assert cloud.server.gets("") == 1


def test_an_answer_of_something_else(cloud: CloudStandIn, shell: Any) -> None:
    cloud.server.get = lambda call: call.refuse(grpc.StatusCode.UNKNOWN, "Received http2 header with status: 405")
    with pytest.raises(ServiceRefused, match="does not answer as an OperationService"):
        shell.run_line_magic("op", f"connect --discovery {cloud.address} --ca '{cloud.ca}'")


@pytest.mark.parametrize(
    "first", [lambda call: call.refuse(grpc.StatusCode.RESOURCE_EXHAUSTED), lambda call: message(call.id, done=True)]
)
def test_an_answer_that_tells_nothing_of_the_token(first: Any, cloud: CloudStandIn, shell: Any) -> None:
    answer = cloud.server.get
    cloud.server.get = lambda call: (first if call.number == 1 else answer)(call)
    shell.run_line_magic("op", f"connect --discovery {cloud.address} --ca '{cloud.ca}'")
    assert cloud.server.gets("") == 2


def test_a_service_that_has_answered_may_be_away_later(
    connected: Connected, cloud: CloudStandIn, authority: Authority
) -> None:
    """It is there: its silence is an outage, and not that of a service that was never there."""
    client = connected()
    cloud.server.stop()
    watch = client.watch("a")
    until(lambda: (watch.view().health.silent_for or 0.0) > 3.0)  # longer than the connect timeout
    assert not watch.view().entries[0].ended
    again = {"port": cloud.server.port, "credentials": authority.server("localhost", "127.0.0.1")}
    with ScriptedServer(cloud.server.get, **again):
        assert watch.wait(20).succeeded
