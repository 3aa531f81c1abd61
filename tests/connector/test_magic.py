"""``%op connect`` to Yandex Cloud, and the first ``%op``, which connects by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError

from ds_ops_magic.model.errors import AuthenticationError, NotConnected
from tests.support.following import lasting
from tests.support.kernels import started
from tests.support.sdk_clients import AIStudio
from tests.support.stand_ins import CloudStandIn, CommandLineStandIn, MetadataStandIn, ServiceAccountKey

Op = Callable[[str], Any]


@pytest.fixture
def op(shell: Any, cloud: CloudStandIn, environment: pytest.MonkeyPatch) -> Op:
    """The line magic, in an environment that names the cloud."""
    environment.setenv("YC_ENDPOINT", cloud.address)
    return lambda line: shell.run_line_magic("op", line)


def test_it_prints_where_and_as_whom(
    op: Op, cloud: CloudStandIn, key: ServiceAccountKey, tmp_path: Path, capfd: Any
) -> None:
    path = key.write(tmp_path / "the key.json")
    client = op(f"connect --sa-key '{path}' --ca '{cloud.ca}'")
    said = capfd.readouterr()
    assert said.out == f"connected to {cloud.address} as service account {key.account} (the key in {path})\n"
    assert not said.err
    assert client.connection.endpoint == cloud.address


def test_it_prints_what_was_rejected(
    op: Op, cloud: CloudStandIn, machine: MetadataStandIn, environment: pytest.MonkeyPatch, capfd: Any
) -> None:
    environment.setenv("YC_IAM_TOKEN", "t1.has-run-out")
    op(f"connect --ca '{cloud.ca}'")
    assert capfd.readouterr().out == (
        "passed over $YC_IAM_TOKEN: refused: UNAUTHENTICATED: bad token\n"
        f"connected to {cloud.address} as the service account of this machine "
        f"(the metadata service at {machine.address})\n"
    )


def test_a_profile_and_another_region(
    op: Op, cloud: CloudStandIn, program: CommandLineStandIn, environment: pytest.MonkeyPatch, capfd: Any
) -> None:
    environment.setenv("YC_ENDPOINT", "localhost:1")
    cloud.accepted.add("t1.of-yc")
    program.does("echo t1.of-yc")
    op(f"connect yandex --profile mine --discovery {cloud.address} --ca '{cloud.ca}'")
    assert "as the account of yc's profile mine (yc iam create-token --profile mine)" in capfd.readouterr().out


def test_the_first_use_without_credentials(op: Op) -> None:
    with lasting(0.0, 2.5), pytest.raises(NotConnected, match="none of its credentials were accepted"):
        op("get a")


def test_the_first_use_connects_by_itself(cloud: CloudStandIn) -> None:
    cloud.accepted.add("t1.good")
    tokens = {"YC_IAM_TOKEN": "t1.has-run-out", "YC_TOKEN": "t1.good"}
    with started(YC_ENDPOINT=cloud.address, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=str(cloud.ca), **tokens) as kernel:
        kernel.ok("%load_ext ds_ops_magic")
        cell = kernel.ok("%op get a")
        assert cell.stdout == "passed over $YC_IAM_TOKEN: refused: UNAUTHENTICATED: bad token\n"
        assert cell.results
        assert kernel.ok("%op get a").stdout == ""


def test_an_object_of_an_sdk(op: Op, shell: Any, cloud: CloudStandIn, capfd: Any) -> None:
    cloud.api_keys.add("opaque-s3cr3t")
    shell.user_ns["studio"] = AIStudio(endpoint=cloud.address, auth="opaque-s3cr3t", verify=cloud.ca)
    for target in ("studio", "{studio}"):
        op(f"connect {target}")
        assert capfd.readouterr().out == f"connected to {cloud.address} as the account of the given AIStudio SDK\n"
    assert op("wait a").done
    cloud.api_keys.clear()
    with pytest.raises(AuthenticationError, match="refused the API key in the given AIStudio SDK"):
        op("connect studio")


def test_an_api_key(op: Op, cloud: CloudStandIn, environment: pytest.MonkeyPatch, capfd: Any) -> None:
    cloud.api_keys.add("opaque-s3cr3t")
    environment.setenv("MINE", "opaque-s3cr3t")
    op(f"connect --api-key-env MINE --ca '{cloud.ca}'")
    said = f"connected to {cloud.address} as the service account of the API key in $MINE\n"
    assert capfd.readouterr().out == said
    with pytest.raises(UsageError, match="not allowed with argument"):
        op("connect --api-key-env MINE --iam-token-env MINE")


def test_only_one_source_can_be_named(op: Op) -> None:
    with pytest.raises(UsageError, match="not allowed with argument"):
        op("connect --profile a --sa-key b")
