"""A local service as the cloud, our client of it, and the vendor's clients as programs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from ds_ops_magic import LocalService, OperationClient, connect
from tests.clients.environments import Environment, Program
from tests.support import REPOSITORY
from tests.support.certificates import Authority

TOKEN = "t1.of-the-tests"
DATASPHERE = "datasphere==0.10.*"
AI_STUDIO = "yandex-ai-studio-sdk==0.22.*"


class Cloud(NamedTuple):
    service: LocalService
    ca: Path


Start = Callable[[str, str], Program]
"""Starts a program in an environment, by the names of both; ``here`` is the environment of the tests."""


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Environment]]:
    """All at once, and in the background; one worker runs all tests of this folder, so they are made once."""
    folder = tmp_path_factory.mktemp("environments")
    made = {
        "datasphere": Environment(folder / "datasphere", DATASPHERE),
        "ai_studio": Environment(folder / "ai_studio", AI_STUDIO),
    }
    yield made
    for environment in made.values():
        environment.close()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("cloud")
    authority = Authority(folder)
    certificate, key = authority.files(folder, "localhost", "127.0.0.1")
    with LocalService(listen="127.0.0.1:0", tls_cert=certificate, tls_key=key, token=TOKEN) as service:
        yield Cloud(service, authority.ca)


@pytest.fixture(scope="module")
def ours(cloud: Cloud) -> Iterator[OperationClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKEN_OF_THE_TESTS", TOKEN)
        with connect(cloud.service.address, ca=cloud.ca, token_env="TOKEN_OF_THE_TESTS") as client:
            yield client


@pytest.fixture(scope="module")
def start(
    environments: dict[str, Environment], cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    variables = {
        "YC_IAM_TOKEN": TOKEN,
        "YC_METADATA_ADDR": "127.0.0.1:1",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(cloud.ca),
    }
    told = {"address": cloud.service.address, "ca": str(cloud.ca), "repository": str(REPOSITORY)}
    told["datasphere"] = str(environments["datasphere"].packages)
    with ExitStack() as stack:

        def started(environment: str, name: str) -> Program:
            folder = tmp_path_factory.mktemp(environment)
            python = Path(sys.executable) if environment == "here" else environments[environment].python()
            program = Program(python, name, folder, variables, told)
            stack.callback(program.close)
            return program

        yield started


@pytest.fixture(scope="module")
def datasphere(start: Start) -> Program:
    return start("datasphere", "datasphere_program.py")


@pytest.fixture(scope="module")
def ai_studio(start: Start) -> Program:
    return start("ai_studio", "ai_studio_program.py")
