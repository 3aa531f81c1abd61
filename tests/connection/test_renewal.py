"""The token during a long wait: renewed before it expires, refreshed when it is refused."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection.credentials import CommandLine, EnvironmentToken, MetadataService
from ds_ops_magic.connection.tokens import Token
from ds_ops_magic.model.errors import AuthenticationError
from ds_ops_magic.polling.poller import IN_FLIGHT
from tests.support.following import QUICK, until
from tests.support.scripted import Call, Stage
from tests.support.sources import ClientBy, ScriptedSource, connection_by, more_gets
from tests.support.stand_ins import Clock, CloudStandIn, CommandLineStandIn, MetadataStandIn


class Nothing(set[str]):
    """Accepted tokens that stay none, whatever is issued."""

    def add(self, _: str) -> None: ...


def test_before_it_expires(stage: Stage, cloud: CloudStandIn, client: ClientBy, clock: Clock) -> None:
    cloud.lifetime = 600
    with client(EnvironmentToken("YC_TOKEN", is_iam=False)) as made:
        watch = made.watch("a", "b", "c")
        until(lambda: cloud.server.gets() > 10)
        clock.now += 500
        more_gets(cloud)
        assert len(cloud.issued) == 1
        clock.now += 60
        until(lambda: len(cloud.issued) == 2)
        more_gets(cloud)
        cloud.accepted.discard(cloud.issued[0])  # it has run out, and nobody uses it any more
        for name in watch.ids:
            stage.set(name, done=True)
        assert watch.wait(20).succeeded
    assert len(cloud.issued) == 2


def test_every_hour_without_a_lifetime(
    stage: Stage, cloud: CloudStandIn, program: CommandLineStandIn, client: ClientBy, clock: Clock
) -> None:
    program.does("echo t1.of-yc")
    cloud.accepted.add("t1.of-yc")
    with client(CommandLine()) as made:
        watch = made.watch("a")
        for hours in (1, 2):
            clock.now += 3601
            until(lambda expected=hours + 1: len(program.calls) == expected)
            more_gets(cloud)
            assert len(program.calls) == hours + 1
        assert not watch.done


def test_a_renewal_that_fails(
    stage: Stage, cloud: CloudStandIn, machine: MetadataStandIn, client: ClientBy, clock: Clock, log: Any
) -> None:
    source = MetadataService().name
    with client(MetadataService()) as made:
        watch = made.watch("a")
        machine.status = 500
        clock.now += 3601
        until(lambda: machine.asked == 2)
        more_gets(cloud)
        assert machine.asked == 2  # not with each call
        machine.status, machine.token = 200, "t1.of-the-next-hour"
        cloud.accepted.add(machine.token)
        clock.now += 31
        until(lambda: f"took a fresh token from {source}; it lives for 11 h 06 min" in log.messages)
        stage.set("a", done=True)
        assert watch.wait(20).succeeded
    assert machine.asked == 3
    assert f"no renewed token from {source}: HTTP 500" in log.messages
    assert machine.token not in log.text


def test_a_refusal_after_the_renewal(
    stage: Stage, cloud: CloudStandIn, machine: MetadataStandIn, client: ClientBy, clock: Clock
) -> None:
    """A machine slept for a night: the renewal begins with the first call, which still has the old token."""
    answer = cloud.server.get
    with client(MetadataService()) as made:
        evening, morning = made.connection.metadata(), (("authorization", "Bearer t1.of-the-morning"),)

        def late(call: Call) -> Any:
            if call.metadata["authorization"] == evening[0][1]:
                until(lambda: made.connection.metadata() == morning)
            return answer(call)

        watch = made.watch("a")
        until(lambda: watch.operations[0])
        cloud.server.get = late
        cloud.accepted, machine.token = {"t1.of-the-morning"}, "t1.of-the-morning"
        clock.now += 13 * 3600
        stage.set("a", done=True)
        assert watch.wait(20).succeeded
    assert machine.asked == 2


@pytest.mark.parametrize("life", [0, -5, float("nan"), None, "soon", 1e300])
def test_a_lifetime_that_makes_no_sense(
    life: Any, stage: Stage, cloud: CloudStandIn, machine: MetadataStandIn, client: ClientBy
) -> None:
    machine.expires_in = life
    with client(MetadataService()) as made:
        watch = made.watch("a")
        until(lambda: cloud.server.gets() > 20)
        assert not watch.done
    assert machine.asked == 1


def test_one_refresh_for_all(stage: Stage, cloud: CloudStandIn, client: ClientBy) -> None:
    with client(EnvironmentToken("YC_TOKEN", is_iam=False)) as made:
        watch = made.watch(*(f"op{number}" for number in range(50)))
        until(lambda: len({name for _, name in cloud.server.calls}) == 51)  # and the question without an id
        cloud.accepted.clear()
        until(lambda: len(cloud.issued) == 2)
        for name in watch.ids:
            stage.set(name, done=True)
        assert len(watch.wait(20).succeeded) == 50
    assert len(cloud.issued) == 2


def test_one_failed_refresh_for_all(
    stage: Stage, cloud: CloudStandIn, machine: MetadataStandIn, client: ClientBy
) -> None:
    with client(MetadataService()) as made:
        watch = made.watch(*(f"op{number}" for number in range(2 * IN_FLIGHT)))
        until(lambda: all(watch.operations))
        machine.status = 404
        cloud.accepted.clear()
        with pytest.raises(AuthenticationError, match="HTTP 404"):
            watch.wait(20)
        assert {type(entry.error) for entry in watch.view().entries} == {AuthenticationError}
        assert machine.asked == 2
        with pytest.raises(AuthenticationError):
            made.wait("op0", 20)
        assert machine.asked == 3  # who asks afterwards may have mended it


def test_a_fresh_token_that_is_refused(stage: Stage, cloud: CloudStandIn, client: ClientBy) -> None:
    with client(EnvironmentToken("YC_TOKEN", is_iam=False)) as made:
        watch = made.watch("a")
        until(lambda: cloud.server.gets("a") > 2)
        cloud.accepted = Nothing()
        with pytest.raises(AuthenticationError, match=r"refused the credentials from \$YC_TOKEN"):
            watch.wait(20)
    assert len(cloud.issued) == 2


def test_an_expired_variable(
    stage: Stage, cloud: CloudStandIn, client: ClientBy, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("YC_IAM_TOKEN", "t1.of-this-morning")
    cloud.accepted.add("t1.of-this-morning")
    with client(EnvironmentToken("YC_IAM_TOKEN", is_iam=True)) as made:
        watch = made.watch("a")
        until(lambda: cloud.server.gets("a") > 2)
        cloud.accepted.clear()
        with pytest.raises(AuthenticationError) as caught:
            watch.wait(20)
        assert caught.value.args[0].startswith("Yandex Cloud refused the token in $YC_IAM_TOKEN: it has run out")
        assert caught.value.args[1].endswith("os.environ['YC_IAM_TOKEN'] = getpass.getpass()")
        environment.setenv("YC_IAM_TOKEN", "t1.of-this-evening")
        cloud.accepted.add("t1.of-this-evening")
        stage.set("a", done=True)
        assert made.wait("a", 20).done  # it is read again


@pytest.mark.parametrize(
    ("how", "words"), [({}, "which has no other one"), ({"status": 404}, "HTTP 404"), ({"body": b""}, "no JSON")]
)
def test_a_source_without_a_fresh_token(
    how: dict[str, Any], words: str, cloud: CloudStandIn, machine: MetadataStandIn, client: ClientBy, log: Any
) -> None:
    with client(MetadataService()) as made:
        cloud.accepted.clear()
        vars(machine).update(how)
        with pytest.raises(AuthenticationError, match="the metadata service at ") as caught:
            made.get("a")
    assert words in str(caught.value)
    assert (f"no fresh token from {MetadataService().name}: " in log.text) is bool(how)


def test_a_pickle_fetches_its_own(stage: Stage, cloud: CloudStandIn) -> None:
    source = EnvironmentToken("YC_TOKEN", is_iam=False)
    connection = connection_by(cloud, source)
    with OperationClient(connection, schedule=QUICK) as made:
        pickled = pickle.dumps(made)
    assert not [secret for secret in (*cloud.oauth, *cloud.issued) if secret.encode() in pickled]
    stage.set("a", done=True)
    with pickle.loads(pickled) as again:  # noqa: S301  # our own
        assert again.wait("a", 20).done
    assert len(cloud.issued) == 2


def test_a_refresh_that_comes_too_late(cloud: CloudStandIn) -> None:
    def give() -> Token:
        if made:
            made[0]._use(Token("t1.of-the-renewal"))
        return Token("t1.first")

    made: list[Any] = []
    cloud.accepted.add("t1.first")
    made.append(connection_by(cloud, ScriptedSource("first", give)))
    for _ in range(2):  # the second time another token is in use from the beginning
        made[0].refresh(0)
        assert made[0].metadata() == (("authorization", "Bearer t1.of-the-renewal"),)
