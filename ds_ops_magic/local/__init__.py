"""A local OperationService: a gRPC server of the same service, on durable SQLite.

With it a notebook runs without a cloud, a test suite talks to a real server, and background jobs get ids, progress,
cancel and history::

    from ds_ops_magic import LocalService, connect

    with LocalService() as service, connect(service.address) as client:
        operation = service.submit(train, epochs=5)
        other = service.simulate(duration=3, steps=5, outcome="success")
        client.wait_all([operation, other])  # what still runs when the service closes is cancelled

Every operation is a DataSphere job, too, of one project. The clients of DataSphere and AI Studio work against the
service as they are: it answers ProjectJobService (also logs), ProjectService, endpoint discovery and health, and speaks
TLS where it is given a certificate.

``python -m ds_ops_magic.local --help`` starts one in a process of its own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ds_ops_magic.local.jobs import Reporter
    from ds_ops_magic.local.results import JobCancelled
    from ds_ops_magic.local.retention import Retention
    from ds_ops_magic.local.service import LocalService
    from ds_ops_magic.local.shared_service import close_shared, shared

__all__ = ["JobCancelled", "LocalService", "Reporter", "Retention", "close_shared", "shared"]

_MODULES = {
    "JobCancelled": "results",
    "LocalService": "service",
    "Reporter": "jobs",
    "Retention": "retention",
    "close_shared": "shared_service",
    "shared": "shared_service",
}


def __getattr__(name: str) -> object:
    # Found on first use (PEP 562), so that importing the package costs nothing.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
