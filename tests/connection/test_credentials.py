"""Each source of credentials against a stand-in that speaks its protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from ds_ops_magic.model.errors import NotConnected
from tests.support.following import lasting
from tests.support.sources import Connected
from tests.support.stand_ins import CloudStandIn, CommandLineStandIn, MetadataStandIn, ServiceAccountKey

SECRET, OAUTH = "t1.s3cr3t-t0ken", "y0_of-a-user"


@pytest.mark.parametrize("token", [SECRET, OAUTH])
@pytest.mark.parametrize("variable", ["YC_IAM_TOKEN", "YC_TOKEN", "YC_OAUTH_TOKEN"])
def test_a_token_of_the_environment(
    variable: str, token: str, connected: Connected, cloud: CloudStandIn, environment: pytest.MonkeyPatch
) -> None:
    is_exchanged = token == OAUTH and variable != "YC_IAM_TOKEN"  # which holds an IAM token in any case
    (cloud.oauth if is_exchanged else cloud.accepted).add(token)
    environment.setenv(variable, f" {token}\n")  # as a file read by a shell gives it
    client = connected()
    assert client.connection.endpoint == cloud.address
    assert client.connection.identity == f"the bearer of ${variable}"
    assert client.wait("a").done
    assert len(cloud.issued) == is_exchanged


def test_the_service_account_of_the_machine(
    connected: Connected, machine: MetadataStandIn, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("http_proxy", "http://127.0.0.1:1")  # a proxy is none of its business
    client = connected()
    assert client.connection.identity == (
        f"the service account of this machine (the metadata service at {machine.address})"
    )
    assert client.wait("a").done
    assert machine.asked == 1


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"status": 404}, "HTTP 404, no service account here"),
        ({"status": 500}, "HTTP 500"),
        ({"body": b"<html>"}, "what it holds is no JSON"),
        ({"body": b"[" * 60_000}, "what it holds is no JSON"),
        ({"body": b"[]"}, "what it holds is no JSON object"),
        ({"body": b"{}"}, "it gave an empty token"),
        ({"token": 3}, "it gave an empty token"),
        ({"token": "two words"}, "what it gave is no token"),
        ({"token": "a\r\nb: c"}, "what it gave is no token"),
    ],
)
def test_a_metadata_service_without_a_token(
    how: dict[str, object], words: str, connected: Connected, machine: MetadataStandIn
) -> None:
    vars(machine).update(how)
    with lasting(0.0, 2.0), pytest.raises(NotConnected) as caught:
        connected()
    assert f"the metadata service at {machine.address}: {words}" in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:1", "nowhere.invalid", "127.0.0.1:port", "127.0.0.1:99999", "http://127.0.0.1:1", "[::1", "\x1b[2J"],
)
def test_no_metadata_service(address: str, connected: Connected, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("YC_METADATA_ADDR", address)
    with pytest.raises(
        NotConnected, match=r"the metadata service at .*; yc iam create-token: yc is not inst"
    ) as caught:
        connected()
    assert "\x1b" not in str(caught.value)


def test_yc(
    connected: Connected, cloud: CloudStandIn, program: CommandLineStandIn, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("YC_IAM_TOKEN", "t1.refused-and-not-for-yc")
    cloud.accepted.add("t1.of-yc")
    program.does("echo 'A new version of yc is there' >&2", "echo t1.of-yc")
    client = connected()
    assert client.connection.identity == "the account of yc (yc iam create-token)"
    assert client.wait("a").done
    assert program.calls == ["iam create-token []"]


def test_yc_where_its_installer_puts_it(connected: Connected, yc: CommandLineStandIn, tmp_path: Path) -> None:
    (tmp_path / "yandex-cloud").mkdir()  # which is the home folder
    yc.folder.rename(tmp_path / "yandex-cloud" / "bin")
    with pytest.raises(NotConnected, match="yc ended with code 1"):
        connected(profile="mine")


def test_yc_with_a_profile(connected: Connected, cloud: CloudStandIn, program: CommandLineStandIn) -> None:
    cloud.accepted.add("t1.of-yc")
    program.does("echo t1.of-yc")
    client = connected(profile="the other; one")
    assert client.connection.identity.startswith("the account of yc's profile the other; one")
    assert program.calls == ["iam create-token --profile the other; one []"]


@pytest.mark.parametrize(
    ("does", "words"),
    [
        (("echo starting >&2", "echo 'ERROR: profile is not found' >&2", "exit 1"), "ERROR: profile is not found"),
        (("echo 'ERROR: t1.9euelZqMyJ is bad' >&2", "exit 1"), "ERROR: (token) is bad"),
        (("exit 3",), "yc ended with code 3"),
        (("kill -9 $$",), "yc ended with code -9"),
        (("exit 0",), "it gave an empty token"),
        (("echo two words",), "what it gave is no token"),
        (("head -c 10 /dev/urandom",), "no token"),
    ],
)
def test_yc_without_a_token(
    does: tuple[str, ...], words: str, connected: Connected, program: CommandLineStandIn
) -> None:
    program.does(*does)
    with pytest.raises(NotConnected, match="yc iam create-token --profile mine: ") as caught:
        connected(profile="mine")
    assert words in str(caught.value)


def test_yc_cannot_be_run(connected: Connected, program: CommandLineStandIn) -> None:
    (program.folder / "yc").write_bytes(b"\x7fELF of another machine")
    (program.folder / "yc").chmod(0o755)
    with pytest.raises(NotConnected, match="yc cannot be run: "):
        connected(profile="mine")


def test_the_key_of_a_service_account(
    connected: Connected, cloud: CloudStandIn, key: ServiceAccountKey, tmp_path: Path
) -> None:
    path = key.write(tmp_path / "key.json")
    client = connected(sa_key=path)  # the stand-in checks the signature, the audience and the key's id
    assert client.connection.identity == f"service account {key.account} (the key in {path})"
    assert client.wait("a").done
    assert len(cloud.issued) == 1


@pytest.mark.parametrize(
    ("key_file", "words"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ({"id": None}, "missing key object id"),
        ({"service_account_id": None}, "missing service account id"),
        ({"private_key": None}, "missing private key"),
        ({"private_key": "s3cr3t"}, "private key is in incorrect format"),
        ({"private_key": "-----BEGIN PRIVATE KEY-----\ns3cr3t\n-----END PRIVATE KEY-----\n"}, "cannot be used"),
        ({"id": "another"}, "JWT: unknown key"),
    ],
)
def test_a_bad_key(
    key_file: str | dict[str, str | None], words: str, connected: Connected, key: ServiceAccountKey, tmp_path: Path
) -> None:
    path = tmp_path / "key.json"
    if isinstance(key_file, str):
        path.write_text(key_file)
    else:
        key.write(path, **key_file)
    with pytest.raises(NotConnected, match="the key in ") as caught:
        connected(sa_key=path)
    assert words in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
