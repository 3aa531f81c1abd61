"""SDK objects shaped as those of yandex-ai-studio-sdk 0.22 and datasphere 0.10 where connections look at them."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import grpc
import grpc.aio
import pytest
from yandex.cloud.iam.v1.iam_token_service_pb2 import CreateIamTokenRequest
from yandex.cloud.iam.v1.iam_token_service_pb2_grpc import IamTokenServiceStub

from tests.support.sdk_objects import of

Header = tuple[str, str]


class LazyLock:
    """A lock that is made, and belongs to a loop, at the first use."""

    def __init__(self) -> None:
        self.made: asyncio.Lock | None = None

    def __call__(self) -> asyncio.Lock:
        self.made = self.made or asyncio.Lock()
        return self.made


class NoAuth:
    async def get_auth_metadata(self, client: Any, timeout: float, lock: asyncio.Lock) -> Header | None:
        return None


class ApiKeyAuth(NoAuth):
    def __init__(self, api_key: str) -> None:
        self._api_key = api_key

    async def get_auth_metadata(self, client: Any, timeout: float, lock: asyncio.Lock) -> Header | None:
        return ("authorization", f"Api-Key {self._api_key}")


class EnvTokenAuth(NoAuth):
    """Reads an IAM token from a variable for each request."""

    async def get_auth_metadata(self, client: Any, timeout: float, lock: asyncio.Lock) -> Header | None:
        return ("authorization", f"Bearer {os.environ['YC_TOKEN'].strip()}")


class OAuthTokenAuth(NoAuth):
    """Exchanges an OAuth token for an IAM token, which it keeps for an hour."""

    def __init__(self, token: str) -> None:
        self._oauth_token = token
        self._token: str | None = None
        self._issue_time: float | None = None

    async def get_auth_metadata(self, client: Any, timeout: float, lock: asyncio.Lock) -> Header | None:
        async with lock:
            if self._issue_time is None or time.time() - self._issue_time > 3600:
                request = CreateIamTokenRequest(yandex_passport_oauth_token=self._oauth_token)
                async with client.get_service_stub(IamTokenServiceStub, timeout=timeout) as stub:
                    self._token = (await stub.Create(request, timeout=timeout)).iam_token
                self._issue_time = time.time()
        return ("authorization", f"Bearer {self._token}")


@of("yandex_ai_studio_sdk._client")
class AsyncCloudClient:
    def __init__(self, endpoint: str | None, auth: Any, service_map: dict[str, str], verify: Any, iam: str) -> None:
        self._endpoint, self._auth, self._verify = endpoint, auth, verify
        self._auth_provider: Any = None
        self._service_map_override, self._service_map = service_map, {"iam": iam}
        self._channels: dict[type, grpc.aio.Channel] = {}
        self._endpoints: dict[type, str] = {}
        self._auth_lock, self._channels_lock = LazyLock(), LazyLock()

    async def _get_auth_provider(self) -> Any:
        async with self._auth_lock():
            if isinstance(self._auth, str):
                self._auth_provider = ApiKeyAuth(self._auth)
            elif self._auth is None:
                raise RuntimeError("no authorization data was found at environment")
            else:
                self._auth_provider = self._auth
        return self._auth_provider

    def _new_channel(self, endpoint: str) -> grpc.aio.Channel:
        if self._verify is False:
            return grpc.aio.insecure_channel(endpoint)
        roots = None if self._verify is True else open(self._verify, "rb").read()  # noqa: SIM115
        return grpc.aio.secure_channel(endpoint, grpc.ssl_channel_credentials(roots))

    @asynccontextmanager
    async def get_service_stub(self, stub_class: Any, timeout: float) -> AsyncIterator[Any]:
        async with self._channels_lock():
            if stub_class not in self._channels:
                self._channels[stub_class] = self._new_channel(self._service_map["iam"])
        yield stub_class(self._channels[stub_class])


@of("yandex_ai_studio_sdk._sdk")
class BaseSDK:
    def __init__(
        self,
        *,
        endpoint: str | None = "api.cloud.yandex.net:443",
        auth: Any = None,
        service_map: dict[str, str] | None = None,
        verify: Any = True,
        iam: str = "",
    ) -> None:
        self._client = AsyncCloudClient(endpoint, auth, service_map or {}, verify, iam)


@of("yandex_ai_studio_sdk._sdk")
class AIStudio(BaseSDK): ...


@of("yandex_ai_studio_sdk._sdk")
class AsyncAIStudio(BaseSDK): ...


@of("datasphere.client")
class Client:
    def __init__(self, oauth_token: str | None) -> None:
        self.oauth_token, self.yc_profile = oauth_token, None

    @property
    def md(self) -> list[Header]:
        if self.oauth_token is None:
            raise RuntimeError("None of authorization methods=[OAUTH,YC_UTILITY] returned result")
        return [("x-client-version", "datasphere=0.10.0"), ("authorization", f"Bearer {self.oauth_token}")]


@of("datasphere.sdk")
class SDK:
    def __init__(self, oauth_token: str | None = None) -> None:
        self.client = Client(oauth_token)


@contextmanager
def datasphere_at(
    address: str, monkeypatch: pytest.MonkeyPatch, *, environment: str = "PREPROD", roots: Any = None
) -> Iterator[ModuleType]:
    """Have the package's module of channels, with the endpoints at an address, among the imported ones."""
    module: Any = ModuleType("datasphere.channel")
    module.env = SimpleNamespace(name=environment)
    module.op_endpoint = module.job_endpoint = module.project_endpoint = address
    monkeypatch.setitem(sys.modules, "datasphere.channel", module)
    if roots is not None:
        monkeypatch.setenv("ROOT_CA", str(roots))
    yield module
