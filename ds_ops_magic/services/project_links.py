"""Addresses of projects in the console: the community of each is asked for once, and nobody waits for it."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from yandex.cloud.datasphere.v2.project_pb2 import Project
from yandex.cloud.datasphere.v2.project_service_pb2 import GetProjectRequest

from ds_ops_magic.model.sources import Call
from ds_ops_magic.services.console import project_link
from ds_ops_magic.services.job_facts import job_of
from ds_ops_magic.services.jobs import SERVICE
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_ops_magic.model.operation import Operation

MOST = 1000
"""Projects that are asked about at most: a link is nice to have."""

_GET = "/yandex.cloud.datasphere.v2.ProjectService/Get"
_log = logging.getLogger(__name__)


class ProjectLinks:
    """The addresses of the projects whose jobs were seen; where the cloud has no console there are none.

    Args:
        console: Host of the console, or empty.
        ask: Makes a call about what is named, and hands over the serialized answer when it is there; does not block.

    Attributes:
        known: Addresses by the id of the project; empty while one is asked about, and where there is none.
    """

    def __init__(self, console: str, ask: Callable[[Call, str, Callable[[bytes], None]], None]) -> None:
        self._console = console
        self._ask = ask
        self.known: dict[str, str] = {}

    def note(self, operation: Operation | None) -> None:
        """Ask for the project of a job, unless that was done before."""
        job = job_of(operation) if self._console and operation is not None else None
        if job is None or not job.project_id or job.project_id in self.known or len(self.known) >= MOST:
            return
        project_id = job.project_id
        self.known[project_id] = ""
        request = GetProjectRequest(project_id=project_id).SerializeToString()
        self._ask(Call(SERVICE, _GET, request), project_id, lambda answer: self._learn(project_id, answer))

    def _learn(self, project_id: str, answer: bytes) -> None:
        with contextlib.suppress(DecodeError):
            link = project_link(self._console, Project.FromString(answer).community_id, project_id)
            _log.debug("project %s: %s", tidy(project_id, 60), "in the console" if link else "without a link")
            self.known[project_id] = link or ""
