"""A metadata service that answers slowly, without end, or too much."""

from __future__ import annotations

from typing import Any

import pytest
import yandexcloud

from ds_ops_magic.connection.credentials import MetadataService
from ds_ops_magic.connection.tokens import NoToken
from ds_ops_magic.connector import connect
from tests.support.following import lasting
from tests.support.sources import fetched, leaving_nothing
from tests.support.stand_ins import CloudStandIn, MetadataStandIn

TOKEN = "t1.of-the-source"


@pytest.fixture
def service(metadata: MetadataStandIn, environment: pytest.MonkeyPatch) -> MetadataStandIn:
    """That metadata service, which the environment names."""
    environment.setenv("YC_METADATA_ADDR", metadata.address)
    metadata.token = TOKEN
    return metadata


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"body": b"", "drips": b" "}, "no answer within 1.0 s"),
        ({"body": b'{"access_token": "', "drips": b"a"}, "no answer within 1.0 s"),
        ({"body": b'{"access_token": "', "drips": b"}"}, "no answer within 1.0 s"),
        ({"drips": b"X-Drip: 1\r\n", "drips_early": True}, "no answer within 1.0 s"),
        ({"drips": b"x", "drips_early": True}, "no answer within 1.0 s"),
        ({"status": 100, "drips": b"\r\nHTTP/1.1 100 Continue\r\n", "drips_early": True}, "no answer within 1.0 s"),
        ({"status": 500, "drips": b"x"}, "HTTP 500"),
        ({"body": b"[1", "drips": b", 1" * 300_000, "every": 0.0}, "no JSON"),
        ({"body": b"{}", "drips": b" "}, "it gave an empty token"),
    ],
)
def test_no_token(how: dict[str, Any], words: str, service: MetadataStandIn) -> None:
    vars(service).update(how)
    with leaving_nothing(), pytest.raises(NoToken) as caught:
        fetched(MetadataService())
    assert words in str(caught.value)


@pytest.mark.parametrize("drips", [b" ", b"x", b"}", b"{}" * 1_000])
def test_a_token(drips: bytes, service: MetadataStandIn) -> None:
    service.drips = drips
    with leaving_nothing():
        assert fetched(MetadataService()) == TOKEN


def test_an_sdk_whose_token_never_ends(cloud: CloudStandIn, service: MetadataStandIn, authority: Any) -> None:
    service.body, service.drips = b"", b" "
    made = yandexcloud.SDK(endpoint=cloud.address, root_certificates=authority.certificate)
    with connect(made) as client, lasting(0.0, 2.0), pytest.raises(Exception, match="No answer"):
        client.check()
