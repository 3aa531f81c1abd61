"""Which source of credentials is used, and what is said when none is accepted."""

from __future__ import annotations

import threading
from unittest.mock import Mock

import pytest

from ds_ops_magic.connection import yandex
from ds_ops_magic.connection.tokens import NoToken, Token
from ds_ops_magic.model.errors import NotConnected
from tests.support.following import lasting
from tests.support.sources import Connected, ScriptedSource, connection_by
from tests.support.stand_ins import CloudStandIn, CommandLineStandIn, MetadataStandIn


@pytest.mark.parametrize(
    ("variables", "used"),
    [
        ({"YC_IAM_TOKEN": "t1.iam", "YC_TOKEN": "y0_user"}, "$YC_IAM_TOKEN"),
        ({"YC_IAM_TOKEN": " ", "YC_TOKEN": "y0_user", "YC_OAUTH_TOKEN": "t1.iam"}, "$YC_TOKEN"),
        ({"YC_OAUTH_TOKEN": "t1.iam"}, "$YC_OAUTH_TOKEN"),
        ({}, "the metadata service at "),
        ({"YC_METADATA_ADDR": "127.0.0.1:1"}, "yc iam create-token"),
    ],
)
@pytest.mark.usefixtures("machine")
def test_the_order_of_the_sources(
    variables: dict[str, str],
    used: str,
    connected: Connected,
    cloud: CloudStandIn,
    program: CommandLineStandIn,
    environment: pytest.MonkeyPatch,
) -> None:
    cloud.accepted.update(("t1.iam", "t1.yc"))
    cloud.oauth.add("y0_user")
    program.does("echo t1.yc")
    for name, value in variables.items():
        environment.setenv(name, value)
    for target in (None, "yandex"):
        connection = connected(target=target).connection
        assert connection.source.startswith(used)
        assert connection.rejected_sources == ()


def test_refused_sources_are_named_and_logged(
    connected: Connected,
    cloud: CloudStandIn,
    machine: MetadataStandIn,
    program: CommandLineStandIn,
    environment: pytest.MonkeyPatch,
    log: pytest.LogCaptureFixture,
) -> None:
    cloud.quote = True
    environment.setenv("YC_IAM_TOKEN", "opaque-s3cr3t")
    environment.setenv("YC_TOKEN", "y0_unknown-s3cr3t")
    machine.token = "t1.s3cr3t-of-the-machine"
    program.does("echo t1.s3cr3t-of-yc")
    cloud.accepted.add("t1.s3cr3t-of-yc")
    connection = connected().connection
    assert connection.source == "yc iam create-token"
    rejected = connection.rejected_sources
    assert rejected == (
        "$YC_IAM_TOKEN: refused: UNAUTHENTICATED: bad token (token)",
        "$YC_TOKEN: the token service (IAM) said UNAUTHENTICATED: OAuth token is invalid (token)",
        f"the metadata service at {machine.address}: refused: UNAUTHENTICATED: bad token (token)",
    )
    assert [(record.levelname, record.getMessage()) for record in log.records] == [
        ("DEBUG", f"endpoint discovery at {cloud.address} gave 3 addresses"),
        ("DEBUG", f"tried {rejected[0]}"),
        ("DEBUG", f"tried {rejected[1]}"),
        ("DEBUG", "tried $YC_OAUTH_TOKEN: unset or empty"),
        ("DEBUG", f"tried {rejected[2]}"),
        ("DEBUG", "tried yc iam create-token: accepted; its lifetime is not known"),
        ("INFO", f"connected to {cloud.address} as the account of yc (yc iam create-token)"),
    ]


def test_no_source_is_accepted(
    connected: Connected, machine: MetadataStandIn, program: CommandLineStandIn, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("YC_IAM_TOKEN", "t1.has-run-out")
    environment.setenv("YC_OAUTH_TOKEN", "y0_unknown")
    machine.hangs = True
    program.does("sleep 60")
    with lasting(0.0, 2.0), pytest.raises(NotConnected) as caught:
        connected(yandex.CONNECT_TIMEOUT)
    first, tried, hint = caught.value.args
    assert first.startswith("Not connected to Yandex Cloud: none of its credentials were accepted.")
    assert tried.split("; ")[:4] == [
        "$YC_IAM_TOKEN: refused: UNAUTHENTICATED: bad token",
        "$YC_TOKEN: unset or empty",
        "$YC_OAUTH_TOKEN: the token service (IAM) said UNAUTHENTICATED: OAuth token is invalid",
        f"the metadata service at {machine.address}: no answer within 1.0 s",
    ]
    assert tried.split("; ")[4].startswith("yc iam create-token: no answer ")
    assert "--sa-key FILE" in hint


def test_a_given_variable_is_the_only_source(
    connected: Connected, cloud: CloudStandIn, environment: pytest.MonkeyPatch
) -> None:
    cloud.accepted.add("t1.good")
    environment.setenv("YC_IAM_TOKEN", "t1.good")
    environment.setenv("MINE", "t2.of-a-format-to-come")  # it holds an IAM token in any case
    with pytest.raises(NotConnected) as caught:
        connected(token_env="MINE")
    assert caught.value.args[0] == "Not connected to Yandex Cloud by $MINE: refused: UNAUTHENTICATED: bad token."
    cloud.accepted.add("t2.of-a-format-to-come")
    assert connected(token_env="MINE").connection.identity == "the bearer of $MINE"


def test_a_slow_source_keeps_its_place(cloud: CloudStandIn) -> None:
    cloud.accepted.update(("t1.first", "t1.second"))
    second_asked = threading.Event()

    def first() -> Token:
        if not second_asked.wait(15):
            raise NoToken("the second was not asked meanwhile")
        return Token("t1.first")

    def second() -> Token:
        second_asked.set()
        return Token("t1.second")

    sources = [ScriptedSource("first", first), ScriptedSource("second", second)]
    connection = connection_by(cloud, *sources)
    assert connection.source == "first"


def test_no_source_after_the_accepted_one(cloud: CloudStandIn) -> None:
    cloud.accepted.add("t1.first")
    second = Mock()
    sources = [ScriptedSource("first", lambda: Token("t1.first")), ScriptedSource("second", second)]
    assert connection_by(cloud, *sources).source == "first"
    second.assert_not_called()
