"""Where no thread can be started: an error while connecting, an outage while waiting."""

from __future__ import annotations

import pytest

from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection.credentials import MetadataService
from ds_ops_magic.connection.tokens import Token
from ds_ops_magic.connector import connect
from ds_ops_magic.model.errors import OperationsError, ServiceUnavailable
from tests.support.following import QUICK, until
from tests.support.scripted import Stage
from tests.support.sources import ClientBy, Connected, PublicSdk, ScriptedSource, connection_by, more_gets, sdk_of
from tests.support.stand_ins import Clock, CloudStandIn, MetadataStandIn
from tests.support.threadless import Threadless

CONNECTING, RENEWING, CALLING = "ds_ops_magic connecting", "ds_ops_magic token", "ds_ops_magic stub"
SECRET = "t1.s3cr3t-t0ken"
SENTENCE = "No thread can be started here"


@pytest.fixture
def public(cloud: CloudStandIn) -> PublicSdk:
    cloud.accepted.add(SECRET)
    return PublicSdk(sdk_of(cloud, iam_token=SECRET))


def test_connecting(connected: Connected, public: PublicSdk, environment: pytest.MonkeyPatch) -> None:
    Threadless(environment, CONNECTING)
    environment.setenv("YC_IAM_TOKEN", SECRET)
    for ask in (connected, lambda: connect(public)):
        with pytest.raises(OperationsError, match=SENTENCE) as caught:
            ask()
        assert type(caught.value) is OperationsError


def test_one_source_after_the_other(cloud: CloudStandIn, environment: pytest.MonkeyPatch) -> None:
    def first() -> Token:
        threads.names.add(CONNECTING)
        until(lambda: threads.refused)  # the next one was to begin beside this one
        threads.names.clear()
        return Token("t1.refused")

    threads = Threadless(environment)
    cloud.accepted.add("t1.second")
    sources = [ScriptedSource("first", first), ScriptedSource("second", lambda: Token("t1.second"))]
    connection = connection_by(cloud, *sources)
    assert connection.source == "second"


def test_a_renewal(
    stage: Stage,
    cloud: CloudStandIn,
    machine: MetadataStandIn,
    client: ClientBy,
    clock: Clock,
    environment: pytest.MonkeyPatch,
) -> None:
    with client(MetadataService()) as made:
        watch = made.watch("a")
        until(lambda: watch.operations[0])
        threads = Threadless(environment, RENEWING)
        clock.now += 3601
        until(lambda: threads.refused)
        more_gets(cloud)  # with the token that there is
        assert (threads.refused, machine.asked) == (1, 1)
        threads.names.clear()
        clock.now += 31
        until(lambda: machine.asked == 2)
        stage.set("a", done=True)
        assert watch.wait(20).succeeded


@pytest.mark.parametrize("refused", [RENEWING, CONNECTING])
def test_a_refresh(
    refused: str,
    stage: Stage,
    cloud: CloudStandIn,
    machine: MetadataStandIn,
    client: ClientBy,
    environment: pytest.MonkeyPatch,
) -> None:
    with client(MetadataService()) as made:
        watch = made.watch("a")
        until(lambda: watch.operations[0])
        threads = Threadless(environment, refused)
        cloud.accepted, machine.token = {"t1.of-the-next-hour"}, "t1.of-the-next-hour"
        until(lambda: threads.refused > 1)
        environment.setattr("ds_ops_magic.polling.health.REQUEST_TIMEOUT", 0.5)
        with pytest.raises(OperationsError, match=SENTENCE):
            made.get("b")  # whose time is limited
        assert not watch.view().entries[0].ended
        stage.set("a", done=True)
        threads.names.clear()
        assert watch.wait(20).succeeded


def test_an_sdk_by_its_public_names(public: PublicSdk, cloud: CloudStandIn, environment: pytest.MonkeyPatch) -> None:
    stage = cloud._get = Stage()
    with OperationClient(connect(public).connection, schedule=QUICK, connect_timeout=0.5) as client:
        threads = Threadless(environment, CALLING)
        with pytest.raises(ServiceUnavailable, match=SENTENCE):
            client.get("a")
        with pytest.raises(ServiceUnavailable, match=SENTENCE):
            client.wait("a")
        threads.names.clear()
        watch = client.watch("a")
        until(lambda: watch.operations[0])
        threads.names.add(CALLING)
        until(lambda: SENTENCE in (watch.view().health.last_status or ""))
        assert not watch.view().entries[0].ended
        stage.set("a", done=True)
        threads.names.clear()
        assert watch.wait(20).succeeded
