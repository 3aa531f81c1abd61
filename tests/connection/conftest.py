"""A Yandex Cloud on loopback, and an environment with no credentials but those a test puts there."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ds_ops_magic.client import OperationClient
from ds_ops_magic.connection import yandex
from ds_ops_magic.connector import connect
from tests.support.certificates import Authority
from tests.support.following import QUICK
from tests.support.scripted import Stage
from tests.support.sources import ClientBy, Connected, connection_by
from tests.support.stand_ins import (
    VARIABLES,
    Clock,
    CloudStandIn,
    CommandLineStandIn,
    MetadataStandIn,
    ServiceAccountKey,
    path_with,
)

OAUTH = "y0_of-a-user"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture(scope="session")
def key() -> ServiceAccountKey:
    return ServiceAccountKey()


@pytest.fixture
def cloud(authority: Authority, key: ServiceAccountKey) -> Iterator[CloudStandIn]:
    made = CloudStandIn(authority, key)
    yield made
    made.stop()


@pytest.fixture
def metadata() -> Iterator[MetadataStandIn]:
    """A metadata service that runs, and that the environment does not name."""
    made = MetadataStandIn("t1.of-the-metadata-service")
    yield made
    made.stop()


@pytest.fixture
def machine(metadata: MetadataStandIn, cloud: CloudStandIn, environment: pytest.MonkeyPatch) -> MetadataStandIn:
    """That metadata service, which the environment names, and whose token the cloud accepts."""
    environment.setenv("YC_METADATA_ADDR", metadata.address)
    cloud.accepted.add(metadata.token)
    return metadata


@pytest.fixture
def yc(tmp_path: Path) -> CommandLineStandIn:
    """A program `yc`, which is not on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return CommandLineStandIn(folder)


@pytest.fixture
def program(yc: CommandLineStandIn, environment: pytest.MonkeyPatch) -> CommandLineStandIn:
    """That program, on the PATH."""
    environment.setenv("PATH", path_with(yc.folder))
    return yc


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment in which no source has anything to give, and the metadata service refuses at once."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("YC_METADATA_ADDR", "127.0.0.1:1")
    monkeypatch.setenv("PATH", path_with(tmp_path / "no-yc-here"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


@pytest.fixture
def connected(cloud: CloudStandIn, environment: pytest.MonkeyPatch) -> Iterator[Connected]:
    """Connect to that cloud, in more time than there really is unless a test says so; closed at the end."""
    with ExitStack() as clients:

        def make(timeout: float = 20.0, **options: Any) -> OperationClient:
            environment.setattr(yandex, "CONNECT_TIMEOUT", timeout)
            return clients.enter_context(connect(discovery=cloud.address, ca=cloud.ca, **options))

        yield make


@pytest.fixture
def stage(cloud: CloudStandIn, environment: pytest.MonkeyPatch) -> Stage:
    """Operations that run until a test says otherwise, on a cloud that knows the user of $YC_TOKEN."""
    made = Stage()
    cloud._get = made
    cloud.oauth.add(OAUTH)
    environment.setenv("YC_TOKEN", OAUTH)
    return made


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All that the package logs."""
    caplog.set_level(logging.DEBUG, "ds_ops_magic")
    return caplog


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(cloud: CloudStandIn, clock: Clock) -> ClientBy:
    """Connect to that cloud by a source, and ask often."""
    return lambda source: OperationClient(connection_by(cloud, source, clock=clock), schedule=QUICK)
