"""No token in anything that is shown or kept, whatever goes wrong, and whatever a service repeats."""

from __future__ import annotations

import os
import pickle
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from yandex.cloud.datasphere.v2.project_pb2 import Project
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic import unload_ipython_extension
from ds_ops_magic.connector import connect
from ds_ops_magic.model.errors import OperationFailed, OperationsError, OperationsFailed, PermissionDenied
from tests.support.echo import KINDS, echo
from tests.support.following import client_of, until
from tests.support.kernels import started
from tests.support.scripted import Call, ScriptedServer, message
from tests.support.sources import sdk_of
from tests.support.stand_ins import CloudStandIn, CommandLineStandIn, MetadataStandIn, ServiceAccountKey, path_with

OPAQUE = "opaque/of=no+shape~s3cr3t"
SHORT = "hunt3r"
IAM, OAUTH, OF_YC, BEARER = "t1.iam.s3cr3t", "y0_oauth-s3cr3t", "t1.yc.s3cr3t", "plain-s3cr3t"
API_KEY = "opaque-api-key-s3cr3t"
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
        "YC_API_KEY": API_KEY,
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    sdk = f"SDK(iam_token=os.environ['YC_IAM_TOKEN'], endpoint={cloud.address!r}, root_certificates=ca)"
    failures = {
        f"%op connect {where}": "yc iam create-token: refused: UNAUTHENTICATED: bad token (token)",
        f"%op connect {where} --api-key-env YC_API_KEY": "use YC_IAM_TOKEN, --sa-key or --profile",
        f"%op connect {cloud.address} --ca '{cloud.ca}' --api-key-env YC_API_KEY": "refused the API key in $YC_API_KEY",
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


@pytest.fixture(params=["token_env", "api_key_env"])
def option(request: pytest.FixtureRequest) -> str:
    """How the secret is given."""
    return str(request.param)


@pytest.fixture(params=[OPAQUE, SHORT])
def secret(request: pytest.FixtureRequest, environment: pytest.MonkeyPatch) -> str:
    environment.setenv("TOKEN", request.param)
    return str(request.param)


@pytest.fixture
def server(secret: str) -> Iterator[ScriptedServer]:
    """A service that repeats the token that it was given; the kind of an operation is its id."""

    def answer(call: Call) -> OperationMessage:
        scheme, _, token = call.metadata["authorization"].partition(" ")
        assert (scheme in ("Bearer", "Api-Key"), token) == (True, secret)
        return echo(call.id.partition("-")[0], call.id, token)

    with ScriptedServer(answer, answer) as started:
        yield started


def refused(ask: Callable[[], object]) -> str:
    """Return all that is to be read of the error that a question ends with."""
    with pytest.raises(OperationsError) as caught:
        ask()
    error = caught.value
    told = [str(error), repr(error), *traceback.format_exception(error), *error._render_traceback_()]
    if isinstance(error, OperationFailed):
        told += [repr(error.operation), str(error.status), repr(error.operation.to_dict())]
    if isinstance(error, OperationsFailed):
        told += [repr(error.operations), repr(error.errors), error.operations.to_frame().to_string()]
    return "\n".join(told)


def test_nothing_of_it_reaches_python(secret: str, option: str, server: ScriptedServer) -> None:
    with client_of(server, **{option: "TOKEN"}) as client:
        operations = client.wait_all([f"{kind}" for kind in KINDS if kind in ("done", "odd")])
        operations += [client.get(kind) for kind in KINDS] + [client.cancel("failing")]
        told = [refused(lambda: client.wait("failed")), refused(lambda: client.wait_all(["failed", "done"]))]
        told.append(refused(lambda: client.wait("running", timeout=0)))
        watch = client.watch("failed", "running")
        told += [repr(watch), repr(next(iter(watch))), repr(watch.view())]
        watch.stop()
    told += [operations.to_frame().to_string(), repr(operations)]
    for operation in operations:
        told += [repr(operation), operation.title, str(operation.to_dict()), operation.progress.text or ""]
        told += [str(operation.to_proto()), str(operation.metadata), str(operation.response), str(operation.error)]
        assert secret.encode() not in operation.to_proto().SerializeToString() + pickle.dumps(operation)
    everything = "\n".join(told)
    assert secret not in everything
    assert secret[2:] not in everything
    assert "the token " in everything  # the rest is there
    assert type(operations[0].response) is Project


def test_nothing_of_it_reaches_a_page_or_the_history(
    secret: str, option: str, server: ScriptedServer, shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    op = lambda line: shell.run_line_magic("op", line)  # noqa: E731
    op(f"connect {server.address} --{'iam-' if option == 'token_env' else ''}{option.replace('_', '-')} TOKEN")
    told = []
    for found in (op(f"get {' '.join(KINDS)}"), op("wait done odd"), op("list --all")):
        told += map(str, shell.display_formatter.format(found)[0].values())
    for line in ("%op wait failed", "%op wait failed done", "%op cancel failing", "%op list", "%op get failed"):
        shell.run_cell(line)
        shell.run_cell("%tb")
    told += capsys.readouterr()
    told += [shell.run_line_magic("op", "list").__repr__()]
    shell.user_ns.clear()
    unload_ipython_extension(shell)  # the history is written by then
    kept = b"".join(path.read_bytes() for path in Path(os.environ["DS_OPS_MAGIC_HISTORY"]).parent.glob("history*"))
    assert b"the token (token)" in kept or b"the token ***" in kept
    assert secret.encode() not in kept
    everything = "\n".join(told)
    assert secret not in everything
    assert secret[2:] not in everything
    assert everything.count("the token (token), and") > 4 or secret == SHORT


def test_earlier_tokens(environment: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    refreshed = threading.Event()

    def get(call: Call) -> OperationMessage:
        token = call.metadata["authorization"].removeprefix("Bearer ")
        if call.id == "late":
            refreshed.wait(10)
            call.refuse(grpc.StatusCode.PERMISSION_DENIED, f"no role for {token}")
        given.append(token)
        if token == "opaque-number-one" and call.id == "b":
            call.refuse(grpc.StatusCode.UNAUTHENTICATED)
        return message(call.id, done=True, description=" ".join(given))

    environment.setenv("TOKEN", "opaque-number-one")
    with ScriptedServer(get) as server, client_of(server, token_env="TOKEN") as client:
        watch = client.watch("late")
        until(lambda: server.gets("late"))
        assert client.get("a").title == "(token)"
        environment.setenv("TOKEN", "opaque-number-two")
        assert client.get("b").title == "(token) (token) (token)"
        refreshed.set()
        with pytest.raises(PermissionDenied, match=r"no role for \(token\)") as caught:
            watch.wait(20)
    assert given == ["opaque-number-one"] * 2 + ["opaque-number-two"]
    assert "opaque" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("how", ["iam_token", "token"])
def test_the_token_of_an_sdk(how: str, cloud: CloudStandIn) -> None:
    def get(call: Call) -> OperationMessage:
        given.append(call.metadata["authorization"].removeprefix("Bearer "))
        return message(call.id, done=True, description=f"the token {given[-1]}")

    given: list[str] = []
    cloud._get = get
    cloud.accepted.add(OPAQUE)
    cloud.oauth.add("y0_of-a-user")
    options = {"iam_token": OPAQUE} if how == "iam_token" else {"token": "y0_of-a-user"}
    with connect(sdk_of(cloud, **options)) as client:
        assert client.get("a").description.startswith("the token (token)*")
    assert given == [OPAQUE if how == "iam_token" else cloud.issued[0]]


def test_an_id_that_was_asked_for_is_no_secret(environment: pytest.MonkeyPatch) -> None:
    """Whoever types it has it on the screen, and another id would be another operation."""
    environment.setenv("TOKEN", "test")
    done = ScriptedServer(lambda call: message(call.id, done=True))
    with done as server, client_of(server, token_env="TOKEN") as client:
        assert client.wait("test-1").id == "test-1"
