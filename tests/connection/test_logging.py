"""What is logged while connecting: every source that is tried, and never a token."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import yandexcloud

from ds_ops_magic.connector import connect
from tests.support.certificates import Authority
from tests.support.sources import Connected
from tests.support.stand_ins import CloudStandIn, CommandLineStandIn, MetadataStandIn


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
    program: CommandLineStandIn,
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("YC_IAM_TOKEN", "opaque-s3cr3t")
    environment.setenv("YC_TOKEN", "y0_of-a-user-s3cr3t")
    environment.setenv("YC_METADATA_ADDR", metadata.address)
    metadata.token = "t1.s3cr3t-of-the-machine"
    program.does("echo t1.s3cr3t-of-yc")
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
