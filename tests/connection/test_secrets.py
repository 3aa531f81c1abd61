"""No token in anything that is shown or kept, whatever goes wrong, and whatever the services repeat."""

from __future__ import annotations

from pathlib import Path

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


def test_any_failure(
    cloud: CloudStandIn, metadata: MetadataStandIn, yc: CommandLineStandIn, key: ServiceAccountKey, tmp_path: Path
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
