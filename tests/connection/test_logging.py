"""What is logged while connecting and renewing: every source that is tried, and never a token."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
import yandexcloud

from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection.credentials import EnvironmentToken, MetadataService, Source
from ds_ops_magic.connector import connect
from ds_ops_magic.model.errors import AuthenticationError
from tests.support.certificates import Authority
from tests.support.following import until
from tests.support.scripted import Stage
from tests.support.stand_ins import Clock, CloudStandIn, CommandLineStandIn, MetadataStandIn, path_with

Client = Callable[[Source], Any]
Connected = Callable[..., OperationClient]


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture, cloud: CloudStandIn, metadata: MetadataStandIn) -> Iterator[Any]:
    """All that the package logs; at the end no token of a test is in there."""
    cloud.quote = True
    with caplog.at_level(logging.DEBUG, "ds_ops_magic"):
        yield caplog
    assert "s3cr3t" not in caplog.text
    for token in (*cloud.issued, metadata.token):
        assert token not in caplog.text


def lines(log: pytest.LogCaptureFixture, level: int = logging.DEBUG) -> list[str]:
    return [
        record.getMessage()
        for record in log.records
        if record.name.startswith(("ds_ops_magic.connect",)) and record.levelno == level
    ]


def test_each_source_and_what_it_said(
    log: Any,
    connected: Connected,
    cloud: CloudStandIn,
    metadata: MetadataStandIn,
    yc: CommandLineStandIn,
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("YC_IAM_TOKEN", "opaque-s3cr3t")
    environment.setenv("YC_TOKEN", "y0_of-a-user-s3cr3t")
    environment.setenv("YC_METADATA_ADDR", metadata.address)
    environment.setenv("PATH", path_with(yc.folder))
    metadata.token = "t1.s3cr3t-of-the-machine"
    yc.does("echo t1.s3cr3t-of-yc")
    cloud.accepted.add("t1.s3cr3t-of-yc")
    connected()
    assert lines(log) == [
        f"endpoint discovery at {cloud.address} gave 3 addresses",
        "tried $YC_IAM_TOKEN: refused: UNAUTHENTICATED: bad token (token)",
        "tried $YC_TOKEN: the token service (IAM) said UNAUTHENTICATED: OAuth token is invalid (token)",
        "tried $YC_OAUTH_TOKEN: unset or empty",
        f"tried the metadata service at {metadata.address}: refused: UNAUTHENTICATED: bad token (token)",
        "tried yc iam create-token: accepted; its lifetime is not known",
    ]
    assert lines(log, logging.INFO) == [f"connected to {cloud.address} as the account of yc (yc iam create-token)"]


def test_renewal_and_its_failure(
    log: Any,
    stage: Stage,
    cloud: CloudStandIn,
    metadata: MetadataStandIn,
    client: Client,
    clock: Clock,
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("YC_METADATA_ADDR", metadata.address)
    cloud.accepted.add(metadata.token)
    with client(MetadataService()) as made:
        watch = made.watch("a")
        until(lambda: watch.operations[0])
        metadata.status = 500
        clock.now += 3601
        until(lambda: f"no renewed token from {MetadataService().name}: HTTP 500" in lines(log))
        metadata.status, metadata.token = 200, "t1.s3cr3t-of-the-next-hour"
        cloud.accepted.add(metadata.token)
        clock.now += 31
        until(lambda: f"took a fresh token from {MetadataService().name}; it lives for 11 h 06 min" in lines(log))


def test_refresh_after_a_refusal(log: Any, stage: Stage, cloud: CloudStandIn, client: Client) -> None:
    cloud.lifetime = 12 * 3600 + 30
    with client(EnvironmentToken("YC_TOKEN", is_iam=False)) as made:
        cloud.accepted.clear()
        assert made.get("a")
        assert lines(log)[-1] == "took a fresh token from $YC_TOKEN; it lives for 12 h 00 min"
        cloud.accepted.clear()
        cloud.trouble = grpc.StatusCode.PERMISSION_DENIED
        with pytest.raises(AuthenticationError):
            made.get("a")
        assert lines(log)[-1] == "no fresh token from $YC_TOKEN: the token service (IAM) said PERMISSION_DENIED: later"


def test_an_address_and_an_sdk(
    log: Any, cloud: CloudStandIn, authority: Authority, environment: pytest.MonkeyPatch
) -> None:
    cloud.accepted.add("opaque-s3cr3t-too")
    environment.setenv("MINE", "opaque-s3cr3t")
    with connect(cloud.address, ca=cloud.ca, token_env="MINE") as client:
        environment.setenv("MINE", "opaque-s3cr3t-too")
        assert client.get("a").done
    made = yandexcloud.SDK(
        iam_token="opaque-s3cr3t-too", endpoint=cloud.address, root_certificates=authority.certificate
    )
    with connect(made) as client:
        assert client.get("a").done
    assert lines(log, logging.INFO) == [
        f"will connect to {cloud.address} as the bearer of $MINE",
        f"will connect to {cloud.address} as the account of the given SDK",
    ]
    assert lines(log) == [
        "took another token from $MINE",
        f"endpoint discovery at {cloud.address} gave 3 addresses",
    ]
