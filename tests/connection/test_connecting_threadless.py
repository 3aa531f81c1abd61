"""Where no thread can be started: a sentence when connecting, and an outage as any other while waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yandexcloud

from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection import yandex
from ds_ops_magic.connection.credentials import MetadataService, Source
from ds_ops_magic.connection.tokens import Token
from ds_ops_magic.connection.yandex_api import Cloud
from ds_ops_magic.connector import connect, connection_to
from ds_ops_magic.model.errors import OperationsError, ServiceUnavailable
from tests.support.certificates import Authority
from tests.support.following import QUICK, until
from tests.support.scripted import Stage
from tests.support.stand_ins import Clock, CloudStandIn, MetadataStandIn
from tests.support.threadless import Threadless

SECRET = "t1.s3cr3t-t0ken"
SENTENCE = "No thread can be started here"
CONNECTING, RENEWING, CALLING = "ds_ops_magic connecting", "ds_ops_magic token", "ds_ops_magic stub"


class Public:
    """As much of an SDK as has public names."""

    def __init__(self, sdk: yandexcloud.SDK) -> None:
        self.client, self.waiter = sdk.client, sdk.waiter


@pytest.fixture
def public(cloud: CloudStandIn, authority: Authority) -> Public:
    cloud.accepted.add(SECRET)
    return Public(yandexcloud.SDK(iam_token=SECRET, endpoint=cloud.address, root_certificates=authority.certificate))


def test_connecting_says_so(connected: Callable[..., Any], public: Public, environment: pytest.MonkeyPatch) -> None:
    Threadless(environment, CONNECTING)
    environment.setenv("YC_IAM_TOKEN", SECRET)
    for ask in (connected, lambda: connect(public)):
        with pytest.raises(OperationsError, match=SENTENCE) as caught:
            ask()
        assert type(caught.value) is OperationsError


class Scripted(Source):
    """A source that a test has written."""

    def __init__(self, name: str, give: Callable[[], Token]) -> None:
        self.name = self.identity = name
        self._give = give

    def fetch(self, cloud: Cloud, seconds: float) -> Token:
        return self._give()


def test_the_next_source_is_asked_when_the_first_has_answered(
    cloud: CloudStandIn, environment: pytest.MonkeyPatch
) -> None:
    def first() -> Token:
        threads.names.add(CONNECTING)
        until(lambda: threads.refused)  # the next one was to begin beside this one
        threads.names.clear()
        return Token("t1.refused")

    threads = Threadless(environment)
    cloud.accepted.add("t1.second")
    sources = [Scripted("first", first), Scripted("second", lambda: Token("t1.second"))]
    connection = yandex.connect(Cloud(cloud.address, cloud.ca.read_bytes()), sources, 20.0)
    assert connection.source == "second"


def test_a_renewal_is_tried_again_later(
    stage: Stage,
    cloud: CloudStandIn,
    metadata: MetadataStandIn,
    client: Any,
    clock: Clock,
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("YC_METADATA_ADDR", metadata.address)
    cloud.accepted.add(metadata.token)
    with client(MetadataService()) as made:
        watch = made.watch("a")
        until(lambda: watch.operations[0])
        threads = Threadless(environment, RENEWING)
        clock.now += 3601
        until(lambda: threads.refused)
        asked = cloud.server.gets()
        until(lambda: cloud.server.gets() > asked + 10)  # with the token that there is
        assert (threads.refused, metadata.asked) == (1, 1)
        threads.names.clear()
        clock.now += 31
        until(lambda: metadata.asked == 2)
        stage.set("a", done=True)
        assert watch.wait(20).succeeded


@pytest.mark.parametrize("refused", [RENEWING, CONNECTING])
def test_fresh_credentials_are_waited_for(
    refused: str,
    stage: Stage,
    cloud: CloudStandIn,
    metadata: MetadataStandIn,
    client: Any,
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("YC_METADATA_ADDR", metadata.address)
    cloud.accepted.add(metadata.token)
    with client(MetadataService()) as made:
        watch = made.watch("a")
        until(lambda: watch.operations[0])
        threads = Threadless(environment, refused)
        cloud.accepted, metadata.token = {"t1.of-the-next-hour"}, "t1.of-the-next-hour"
        until(lambda: threads.refused > 1)
        environment.setattr("ds_ops_magic.polling.health.REQUEST_TIMEOUT", 0.5)
        with pytest.raises(OperationsError, match=SENTENCE):
            made.get("b")  # whose time is limited
        assert not watch.view().entries[0].ended
        stage.set("a", done=True)
        threads.names.clear()
        assert watch.wait(20).succeeded


def test_calls_of_an_sdk_by_its_public_names(
    public: Public, cloud: CloudStandIn, environment: pytest.MonkeyPatch
) -> None:
    stage = cloud._get = Stage()
    with OperationClient(connection_to(public), schedule=QUICK, connect_timeout=0.5) as client:
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
