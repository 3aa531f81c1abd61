"""The cloud that yandex_cloud.ipynb meets in the tests; ``python -m tests.notebooks.cloud`` stores its outputs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from yandex.cloud.datasphere.v2.project_pb2 import Project
from yandex.cloud.datasphere.v2.project_service_pb2 import CreateProjectMetadata, DeleteProjectMetadata
from yandex.cloud.datasphere.v2.project_service_pb2_grpc import (
    ProjectServiceServicer,
    add_ProjectServiceServicer_to_server,
)
from yandex.cloud.operation.operation_pb2 import Operation

from tests.support import REPOSITORY
from tests.support.certificates import Authority
from tests.support.scripted import Call, message
from tests.support.stand_ins import VARIABLES, CloudStandIn, ServiceAccountKey

NOTEBOOK = REPOSITORY / "notebooks" / "yandex_cloud.ipynb"
TOKEN = "t1.of-the-notebook"
PROJECT = "bt1project0000000001"
SECONDS = 1.0  # that each operation takes


class Projects(ProjectServiceServicer):
    """DataSphere's projects: as much as creating and deleting one takes."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[float, str, Message, Message]] = {}

    def Create(self, request: Any, context: grpc.ServicerContext) -> Operation:  # noqa: N802  # gRPC's
        made = Project(id=PROJECT, name=request.name, community_id=request.community_id)
        return self._begin("Create project", CreateProjectMetadata(project_id=PROJECT), made)

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Operation:  # noqa: N802  # gRPC's
        return self._begin("Delete project", DeleteProjectMetadata(project_id=request.project_id), Empty())

    def get(self, call: Call) -> Operation:
        if call.id not in self._begun:
            call.refuse(grpc.StatusCode.NOT_FOUND, "no such operation")
        return self._now(call.id)

    def _begin(self, description: str, metadata: Message, response: Message) -> Operation:
        operation_id = f"bt1operation{len(self._begun):08}"
        self._begun[operation_id] = time.monotonic(), description, metadata, response
        return self._now(operation_id)

    def _now(self, operation_id: str) -> Operation:
        begun, description, metadata, response = self._begun[operation_id]
        age = time.monotonic() - begun
        made = message(operation_id, description=description, age=age, modified=max(0.0, age - SECONDS))
        made.metadata.Pack(metadata)
        if age >= SECONDS:
            made.done = True
            made.response.Pack(response)
        return made


@contextmanager
def running_cloud(folder: Path) -> Iterator[dict[str, str]]:
    """Run that cloud, and yield the environment in which the notebook finds it."""
    projects = Projects()
    cloud = CloudStandIn(
        Authority(folder),
        ServiceAccountKey(),
        lambda server: add_ProjectServiceServicer_to_server(projects, server),
        get=projects.get,
    )
    cloud.accepted.add(TOKEN)
    try:
        yield {
            "YC_IAM_TOKEN": TOKEN,
            "YC_ENDPOINT": cloud.address,
            "DATASPHERE_COMMUNITY_ID": "bt1community00000001",
            # gRPC's own variable: the SDK has no other way to be told without a change of the notebook.
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(cloud.ca),
        }
    finally:
        cloud.stop()


def main() -> None:
    """Run the notebook and store its outputs."""
    with tempfile.TemporaryDirectory() as folder, running_cloud(Path(folder)) as variables:
        copy = Path(folder) / NOTEBOOK.name
        shutil.copy(NOTEBOOK, copy)
        inherited = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        program = Path(sys.executable).with_name("jupyter-execute")
        subprocess.run([program, "--inplace", copy], env={**inherited, **variables}, check=True, cwd=folder)
        shutil.copy(copy, NOTEBOOK)


if __name__ == "__main__":
    main()
