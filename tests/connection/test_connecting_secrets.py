"""No token in anything that is shown or kept, whatever goes wrong, and whatever the services repeat."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from ds_ops_magic.connection.redaction import redacted
from ds_ops_magic.connector import connect
from ds_ops_magic.model.errors import NotConnected
from tests.support.kernels import started
from tests.support.stand_ins import CloudStandIn, CommandLineStandIn, MetadataStandIn, ServiceAccountKey, path_with

IAM, OAUTH, OF_YC, BEARER = "t1.iam.s3cr3t", "y0_oauth-s3cr3t", "t1.yc.s3cr3t", "plain-s3cr3t"

SETUP = """
import logging, pickle, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
logging.getLogger("asyncio").setLevel(logging.INFO)
%load_ext ds_ops_magic
%xmode Verbose
"""
LOOK = """
client = get_ipython().magics_manager.registry["OpMagics"].session.client
if client is not None:
    print(client, vars(client), vars(client.connection), vars(vars(client.connection).get("_source", client)))
    print(pickle.dumps(client))
"""


def test_no_token_is_shown_or_kept_by_any_failure(
    cloud: CloudStandIn,
    metadata: MetadataStandIn,
    yc: CommandLineStandIn,
    key: ServiceAccountKey,
    tmp_path: Path,
) -> None:
    cloud.quote = True
    metadata.token = "t1.metadata.s3cr3t"
    yc.does(f"echo {OF_YC}")
    good, bad = key.write(tmp_path / "good.json"), key.write(tmp_path / "bad.json", id="unknown")
    broken = key.write(tmp_path / "broken.json", private_key="-----BEGIN PRIVATE KEY-----\ns3cr3t")
    where = f"--discovery {cloud.address} --ca '{cloud.ca}'"
    variables = {
        "YC_IAM_TOKEN": IAM,
        "YC_TOKEN": OAUTH,
        "YC_METADATA_ADDR": metadata.address,
        "PATH": path_with(yc.folder),
        "BEARER": BEARER,
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    sdk = f"SDK(iam_token=os.environ['YC_IAM_TOKEN'], endpoint={cloud.address!r}, root_certificates=ca)"
    failures = {
        f"%op connect {where}": "yc iam create-token: refused: UNAUTHENTICATED: bad token (token)",
        f"%op connect {where} --iam-token-env BEARER": "$BEARER: refused: UNAUTHENTICATED: bad token (token)",
        f"%op connect {where} --profile mine": "refused: UNAUTHENTICATED: bad token (token)",
        f"%op connect {where} --sa-key {bad}": "JWT: unknown key",
        f"%op connect {where} --sa-key {broken}": "its private key cannot be used",
        f"%op connect {cloud.address} --ca '{cloud.ca}' --iam-token-env BEARER": "refused the token in $BEARER",
        f"from yandexcloud import SDK; import os; ca = open({str(cloud.ca)!r}, 'rb').read(); sdk = {sdk}\n"
        "%op connect sdk": "UNAUTHENTICATED: bad token (token)",
    }
    with started(**variables) as kernel:
        kernel.ok(SETUP)
        for code, words in failures.items():
            assert words in kernel.run(code).said
            kernel.run("%tb")
            kernel.ok(LOOK)
        kernel.ok(f"%op connect {where} --sa-key {good}")
        kernel.ok(LOOK)
        cloud.accepted.clear()
        kernel.ok("%op get a")  # refreshed
        kernel.ok(LOOK)
        cloud.accepted.clear()
        key.write(good, id="unknown")
        assert kernel.run("%op wait a").status == "error"
        kernel.run("%tb")
        kernel.ok(LOOK)
        shown = "".join(str(message["content"]) for message in kernel.messages)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "ipython").rglob("*") if path.is_file())
    assert "connected to" in shown
    assert kept
    for secret in ("s3cr3t", "eyJ", *key.pem.splitlines()[1:-1], *cloud.issued):  # all of the tokens hold the first
        assert secret not in shown
        assert secret.encode() not in kept


def test_what_is_pickled_and_shown_of_a_connection_holds_no_token(
    cloud: CloudStandIn, environment: pytest.MonkeyPatch
) -> None:
    cloud.accepted.add(IAM)
    environment.setenv("YC_IAM_TOKEN", IAM)
    with connect(discovery=cloud.address, ca=cloud.ca) as client:
        assert client.get("a").done
        connection = client.connection
        assert IAM.encode() not in pickle.dumps(client)
        assert IAM not in repr(client) + repr(connection) + repr(vars(connection)) + repr(vars(client))


def test_words_that_hold_no_token_stay_as_they_are() -> None:
    words = "UNAUTHENTICATED: the token t1 of folder b1gd8a4q is not valid; see https://example.org/t1."
    assert redacted(words) == words
    assert (
        redacted("a Bearer token is wanted, not Bearer 0123456789abcdef", "")
        == "a Bearer token is wanted, not Bearer (token)"
    )
    assert redacted("what s3cr3t said", "s3cr3t") == "what (token) said"


@pytest.mark.parametrize(
    ("target", "options", "what"),
    [
        (IAM, {}, "to connect to"),
        (None, {"token_env": IAM}, "for --iam-token-env"),
        (None, {"sa_key": OAUTH}, "for --sa-key"),
        (None, {"profile": OF_YC}, "for --profile"),
    ],
)
def test_a_token_where_a_name_belongs_is_not_repeated(target: str | None, options: dict[str, Any], what: str) -> None:
    with pytest.raises(NotConnected, match=f"What was given {what} looks like a token") as caught:
        connect(target, **options)
    assert "s3cr3t" not in str(caught.value)
