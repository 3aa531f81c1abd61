"""A token during a long wait: renewed before it runs out, once when it is refused; and when there is none to be had."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection import yandex
from ds_ops_magic.connection.credentials import CommandLine, EnvironmentToken, MetadataService
from ds_ops_magic.connection.yandex_api import Cloud
from ds_ops_magic.model.errors import AuthenticationError
from ds_ops_magic.polling.poller import IN_FLIGHT
from tests.support.following import QUICK, until
from tests.support.scripted import Call, Stage
from tests.support.stand_ins import Clock, CloudStandIn, CommandLineStandIn, MetadataStandIn, path_with


class Nothing(set[str]):
    """Accepted tokens that stay none, whatever is issued."""

    def add(self, _: str) -> None: ...


def test_it_is_renewed_before_it_runs_out(stage: Stage, cloud: CloudStandIn, client: Any, clock: Clock) -> None:
    cloud.lifetime = 600
    with client(EnvironmentToken("YC_TOKEN", is_iam=False)) as made:
        watch = made.watch("a", "b", "c")
        until(lambda: cloud.server.gets() > 10)
        clock.now += 500
        asked = cloud.server.gets()
        until(lambda: cloud.server.gets() > asked + 10)
        assert len(cloud.issued) == 1
        clock.now += 60
        until(lambda: len(cloud.issued) == 2)
        asked = cloud.server.gets()
        until(lambda: cloud.server.gets() > asked + 10)
        cloud.accepted.discard(cloud.issued[0])  # it has run out, and nobody uses it any more
        for name in watch.ids:
            stage.set(name, done=True)
        assert watch.wait(20).succeeded
    assert len(cloud.issued) == 2


def test_a_token_of_unknown_life_is_renewed_every_hour(
    stage: Stage,
    cloud: CloudStandIn,
    yc: CommandLineStandIn,
    client: Any,
    clock: Clock,
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("PATH", path_with(yc.folder))
    yc.does("echo t1.of-yc")
    cloud.accepted.add("t1.of-yc")
    with client(CommandLine()) as made:
        watch = made.watch("a")
        for hours in (1, 2):
            clock.now += 3601
            until(lambda expected=hours + 1: len(yc.calls) == expected)
            asked = cloud.server.gets()
            until(lambda before=asked: cloud.server.gets() > before + 10)
            assert len(yc.calls) == hours + 1
        assert not watch.done


def test_while_renewing_fails_the_token_stays_and_it_is_tried_again(
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
        metadata.status = 500
        clock.now += 3601
        until(lambda: metadata.asked == 2)
        asked = cloud.server.gets()
        until(lambda: cloud.server.gets() > asked + 10)
        assert metadata.asked == 2  # not with each call
        metadata.status, metadata.token = 200, "t1.of-the-next-hour"
        cloud.accepted.add(metadata.token)
        clock.now += 31
        until(lambda: metadata.asked == 3)
        stage.set("a", done=True)
        assert watch.wait(20).succeeded


def test_a_refusal_that_comes_after_the_renewal_has_the_new_token_tried(
    stage: Stage,
    cloud: CloudStandIn,
    metadata: MetadataStandIn,
    client: Any,
    clock: Clock,
    environment: pytest.MonkeyPatch,
) -> None:
    """A machine slept for a night: the renewal begins with the first call, which still has the old token."""
    environment.setenv("YC_METADATA_ADDR", metadata.address)
    cloud.accepted.add(metadata.token)
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
        cloud.accepted, metadata.token = {"t1.of-the-morning"}, "t1.of-the-morning"
        clock.now += 13 * 3600
        stage.set("a", done=True)
        assert watch.wait(20).succeeded
    assert metadata.asked == 2


@pytest.mark.parametrize("life", [0, -5, "nan", None, "soon", 1e300])
def test_a_life_that_makes_no_sense_is_no_reason_to_ask_all_the_time(
    life: Any,
    stage: Stage,
    cloud: CloudStandIn,
    metadata: MetadataStandIn,
    client: Any,
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("YC_METADATA_ADDR", metadata.address)
    metadata.expires_in = float(life) if life == "nan" else life
    cloud.accepted.add(metadata.token)
    with client(MetadataService()) as made:
        watch = made.watch("a")
        until(lambda: cloud.server.gets() > 20)
        assert not watch.done
    assert metadata.asked == 1


def test_one_refusal_is_one_refresh_however_many_wait(stage: Stage, cloud: CloudStandIn, client: Any) -> None:
    with client(EnvironmentToken("YC_TOKEN", is_iam=False)) as made:
        watch = made.watch(*(f"op{number}" for number in range(50)))
        until(lambda: len({name for _, name in cloud.server.calls}) == 51)  # and the question without an id
        cloud.accepted.clear()
        until(lambda: len(cloud.issued) == 2)
        for name in watch.ids:
            stage.set(name, done=True)
        assert len(watch.wait(20).succeeded) == 50
    assert len(cloud.issued) == 2


def test_one_refresh_that_fails_is_the_end_however_many_wait(
    stage: Stage, cloud: CloudStandIn, metadata: MetadataStandIn, client: Any, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("YC_METADATA_ADDR", metadata.address)
    cloud.accepted.add(metadata.token)
    with client(MetadataService()) as made:
        watch = made.watch(*(f"op{number}" for number in range(2 * IN_FLIGHT)))
        until(lambda: all(watch.operations))
        metadata.status = 404
        cloud.accepted.clear()
        with pytest.raises(AuthenticationError, match="HTTP 404"):
            watch.wait(20)
        assert {type(entry.error) for entry in watch.view().entries} == {AuthenticationError}
        assert metadata.asked == 2
        with pytest.raises(AuthenticationError):
            made.wait("op0", 20)
        assert metadata.asked == 3  # who asks afterwards may have mended it


def test_a_token_that_is_refused_again_after_the_refresh_ends_the_wait(
    stage: Stage, cloud: CloudStandIn, client: Any
) -> None:
    with client(EnvironmentToken("YC_TOKEN", is_iam=False)) as made:
        watch = made.watch("a")
        until(lambda: cloud.server.gets("a") > 2)
        cloud.accepted = Nothing()
        with pytest.raises(AuthenticationError, match=r"refused the credentials from \$YC_TOKEN"):
            watch.wait(20)
    assert len(cloud.issued) == 2


def test_a_token_of_the_environment_that_has_run_out(
    stage: Stage, cloud: CloudStandIn, client: Any, environment: pytest.MonkeyPatch
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
    ("how", "words"),
    [({}, "which has no other one"), ({"status": 404}, "HTTP 404"), ({"body": b""}, "no JSON")],
)
def test_a_source_that_has_nothing_better(
    how: dict[str, Any],
    words: str,
    stage: Stage,
    cloud: CloudStandIn,
    metadata: MetadataStandIn,
    client: Any,
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("YC_METADATA_ADDR", metadata.address)
    cloud.accepted.add(metadata.token)
    with client(MetadataService()) as made:
        cloud.accepted.clear()
        vars(metadata).update(how)
        with pytest.raises(AuthenticationError, match="the metadata service at ") as caught:
            made.get("a")
    assert words in str(caught.value)


def test_a_pickle_holds_no_token_and_gets_one_of_its_own(stage: Stage, cloud: CloudStandIn) -> None:
    source = EnvironmentToken("YC_TOKEN", is_iam=False)
    connection = yandex.connect(Cloud(cloud.address, cloud.ca.read_bytes()), [source], 20.0)
    with OperationClient(connection, schedule=QUICK) as made:
        pickled = pickle.dumps(made)
    assert not [secret for secret in (*cloud.oauth, *cloud.issued) if secret.encode() in pickled]
    stage.set("a", done=True)
    with pickle.loads(pickled) as again:  # noqa: S301  # our own
        assert again.wait("a", 20).done
    assert len(cloud.issued) == 2
