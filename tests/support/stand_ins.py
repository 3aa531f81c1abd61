"""Stand-ins for what Yandex Cloud's credentials come from, each with the real protocol, on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from yandex.cloud.iam.v1.iam_token_service_pb2 import CreateIamTokenResponse
from yandex.cloud.iam.v1.iam_token_service_pb2_grpc import (
    IamTokenServiceServicer,
    add_IamTokenServiceServicer_to_server,
)

from tests.support.certificates import Authority
from tests.support.scripted import Call, ScriptedServer, message

VARIABLES = ("YC_IAM_TOKEN", "YC_TOKEN", "YC_OAUTH_TOKEN", "YC_API_KEY", "YC_METADATA_ADDR", "YC_ENDPOINT")


class ServiceAccountKey:
    """An authorized key as `yc iam key create` writes it, and its public half."""

    account = "ajestandin0000000001"
    id = "ajekey00000000000001"

    @cached_property
    def _private(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def pem(self) -> str:
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self._private.private_bytes(*form).decode()

    def account_of(self, token: str, audience: str) -> str:
        """Check a signed JSON Web Token the way the token service does, and return the account that signed it."""
        if jwt.get_unverified_header(token)["kid"] != self.id:
            raise ValueError("unknown key")
        claims = jwt.decode(token, self._private.public_key(), algorithms=["PS256"], audience=audience)
        return str(claims["iss"])

    def write(self, path: Path, **changes: Any) -> Path:
        """Write the key file, with changes; None leaves a field out."""
        fields = {
            "id": self.id,
            "service_account_id": self.account,
            "created_at": "2026-01-01T00:00:00Z",
            "key_algorithm": "RSA_2048",
            "private_key": f"PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <{self.id}>\n{self.pem}",
            **changes,
        }
        path.write_text(json.dumps({name: value for name, value in fields.items() if value is not None}))
        return path


class CloudStandIn(IamTokenServiceServicer):
    """Endpoint discovery, the token service and the operation service, behind TLS.

    Attributes:
        accepted: The IAM tokens that the operation service accepts.
        api_keys: The API keys that it accepts.
        oauth: The OAuth tokens that the token service exchanges.
        lifetime: Seconds that the tokens it issues live.
        issued: The tokens it has issued, in order.
        hangs: Whether the token service does not answer.
        hung: How often it has not answered.
        trouble: What the token service refuses with, whatever it is asked; None while it works.
        quote: Whether a refusal repeats the token that was refused.
        audience: What a signed JSON Web Token has to be meant for.
    """

    def __init__(
        self, authority: Authority, key: ServiceAccountKey, *more: Callable[[grpc.Server], object], get: Any = None
    ) -> None:
        self.accepted: set[str] = set()
        self.api_keys: set[str] = set()
        self.oauth: set[str] = set()
        self.lifetime = 43_200.0
        self.issued: list[str] = []
        self.hangs = self.quote = False
        self.hung = 0
        self.trouble: grpc.StatusCode | None = None
        self.audience = "https://iam.localhost/iam/v1/tokens"
        self.ca = authority.ca
        self._key = key
        self._get = get or (lambda call: message(call.id, done=True))
        services = (lambda server: add_IamTokenServiceServicer_to_server(self, server), *more)
        self.server = ScriptedServer(
            self._answer, self._answer, credentials=authority.server("localhost", "127.0.0.1"), more=services
        )
        self.server.address = self.address = f"localhost:{self.server.port}"

    def _answer(self, call: Call) -> Any:
        scheme, _, token = call.metadata.get("authorization", "").partition(" ")
        if token not in {"Bearer": self.accepted, "Api-Key": self.api_keys}.get(scheme, ()):
            call.refuse(grpc.StatusCode.UNAUTHENTICATED, f"bad token{f' {token}' if self.quote else ''}")
        if not call.id:
            call.refuse(grpc.StatusCode.INVALID_ARGUMENT, "operation_id: is empty")
        return self._get(call)

    def Create(self, request: Any, context: grpc.ServicerContext) -> CreateIamTokenResponse:  # noqa: N802  # gRPC's
        if self.hangs:
            given_up = threading.Event()
            context.add_callback(given_up.set)
            self.hung += 1
            given_up.wait()
        if self.trouble:
            context.abort(self.trouble, "later")
        given = request.jwt or request.yandex_passport_oauth_token
        if request.jwt:
            try:
                self._key.account_of(request.jwt, self.audience)
            except (jwt.InvalidTokenError, ValueError, KeyError) as error:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, f"JWT: {error}")
        elif given not in self.oauth:
            quoted = f" {given}" if self.quote else ""
            context.abort(grpc.StatusCode.UNAUTHENTICATED, f"OAuth token is invalid{quoted}")
        token = f"t1.issued-{len(self.issued)}-by-the-token-service"
        self.issued.append(token)
        self.accepted.add(token)
        answer = CreateIamTokenResponse(iam_token=token)
        answer.expires_at.FromDatetime(datetime.now(timezone.utc) + timedelta(seconds=self.lifetime))
        return answer

    def stop(self) -> None:
        self.server.stop()


class MetadataStandIn:
    """The metadata service of a virtual machine.

    Attributes:
        token: What it answers with.
        expires_in: Seconds it says are left of that.
        status: The HTTP status it answers with.
        body: What it answers in place of a token, None for a token.
        hangs: Whether it does not answer.
        drips: What it sends, again and again, after the body; None to end the answer there.
        drips_early: Whether it sends that in place of the headers instead.
        every: Seconds between two of these.
        asked: How often it was asked for the token.
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self.expires_in: Any = 40_000
        self.status = 200
        self.body: bytes | None = None
        self.hangs = self.drips_early = False
        self.drips: bytes | None = None
        self.every = 0.05
        self.asked = 0
        self._stopped = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # http.server's
                outer._answer(self)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        if self.hangs:
            self._stopped.wait()
        known = handler.path == "/computeMetadata/v1/instance/service-accounts/default/token"
        flavoured = handler.headers.get("Metadata-Flavor") == "Google"
        answer = {"access_token": self.token, "expires_in": self.expires_in, "token_type": "Bearer"}
        body = json.dumps(answer).encode() if self.body is None else self.body
        handler.send_response((self.status if flavoured else 403) if known else 404)
        with contextlib.suppress(OSError):  # until the other side has had enough
            if self.drips_early:
                handler.flush_headers()
            else:
                handler.end_headers()
                handler.wfile.write(body)
            while self.drips and not self._stopped.wait(self.every):
                handler.wfile.write(self.drips)

    def stop(self) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()


class CommandLineStandIn:
    """A program `yc` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder / "calls"
        self.does("exit 1")

    def does(self, *lines: str) -> None:
        """Make it do this when it is run, in shell; first it logs its arguments and the tokens it could see."""
        seen = 'echo "$* [$YC_IAM_TOKEN$YC_TOKEN$YC_OAUTH_TOKEN]" >>"$(dirname "$0")/calls"'
        program = self.folder / "yc.new"
        program.write_text("\n".join(["#!/bin/sh", seen, *lines, ""]))
        program.chmod(0o755)
        program.replace(self.folder / "yc")  # a program that is being written cannot be run

    @property
    def calls(self) -> Sequence[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


class Clock:
    """Seconds since the epoch, which pass only when a test says so."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def path_with(folder: Path) -> str:
    """Return a PATH on which a folder's programs come first."""
    return os.pathsep.join([str(folder), "/usr/bin", "/bin"])
