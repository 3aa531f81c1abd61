"""Follow long-running cloud operations from a notebook: ``%op wait``, a live panel, and a client for scripts.

``%load_ext ds_ops_magic`` gives the magics; ``from ds_ops_magic import connect`` gives the client.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ds_ops_magic.client import OperationClient
    from ds_ops_magic.connector import connect
    from ds_ops_magic.history.history import History
    from ds_ops_magic.history.interceptor import recorder
    from ds_ops_magic.local.service import LocalService
    from ds_ops_magic.model.errors import (
        AuthenticationError,
        CancelNotSupported,
        InvalidOperationId,
        NotAnOperation,
        NotCancelled,
        NotConnected,
        NotWatched,
        OperationCancelled,
        OperationFailed,
        OperationNotFound,
        OperationsError,
        OperationsFailed,
        PermissionDenied,
        ProgramFailed,
        ServiceRefused,
        ServiceUnavailable,
        UnreadableAnswer,
        WaitInterrupted,
        WaitTimeout,
        WatchStopped,
    )
    from ds_ops_magic.model.job import Job
    from ds_ops_magic.model.log_line import LogLine
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.operations import Operations
    from ds_ops_magic.model.outcome import ErrorStatus, Failure, Status
    from ds_ops_magic.model.payload import UnknownPayload
    from ds_ops_magic.model.progress import Progress
    from ds_ops_magic.model.view import Update
    from ds_ops_magic.model.waiting import ALL, FIRST, FIRST_FAILURE, ReturnWhen
    from ds_ops_magic.polling.schedule import Schedule
    from ds_ops_magic.util.public_names import restore
    from ds_ops_magic.watch import Watch

__version__ = "0.1.0"

__all__ = [
    "ALL",
    "FIRST",
    "FIRST_FAILURE",
    "AuthenticationError",
    "CancelNotSupported",
    "ErrorStatus",
    "Failure",
    "History",
    "InvalidOperationId",
    "Job",
    "LocalService",
    "LogLine",
    "NotAnOperation",
    "NotCancelled",
    "NotConnected",
    "NotWatched",
    "Operation",
    "OperationCancelled",
    "OperationClient",
    "OperationFailed",
    "OperationNotFound",
    "Operations",
    "OperationsError",
    "OperationsFailed",
    "PermissionDenied",
    "ProgramFailed",
    "Progress",
    "ReturnWhen",
    "Schedule",
    "ServiceRefused",
    "ServiceUnavailable",
    "Status",
    "UnknownPayload",
    "UnreadableAnswer",
    "Update",
    "WaitInterrupted",
    "WaitTimeout",
    "Watch",
    "WatchStopped",
    "connect",
    "load_ipython_extension",
    "recorder",
    "restore",
    "unload_ipython_extension",
]

# The module of each public name that is no exception, and of what pickles and formatters find by its name. Imported
# at the first use (PEP 562): importing the package must not import grpc, or %load_ext would be felt.
_HOMES = {
    "client": ("OperationClient",),
    "connection.connection": ("EndpointConnection",),
    "connection.credentials": ("ApiKey", "CommandLine", "EnvironmentToken", "KeyFile", "MetadataService"),
    "connection.tokens": ("Tokens",),
    "connection.yandex": ("YandexConnection",),
    "connection.yandex_api": ("Cloud",),
    "connector": ("connect",),
    "display.table": ("Listing",),
    "history.history": ("History",),
    "history.interceptor": ("recorder",),
    "local.connection": ("LocalConnection",),
    "local.jobs": ("Reporter",),
    "local.retention": ("Retention",),
    "local.service": ("LocalService",),
    "model.estimates": ("Durations",),
    "model.job": ("Job",),
    "model.log_line": ("LogLine",),
    "model.operation": ("Operation",),
    "model.operations": ("Operations",),
    "model.outcome": ("ErrorStatus", "Failure", "Status"),
    "model.payload": ("UnknownPayload",),
    "model.progress": ("Progress",),
    "model.view": ("Update", "Entry", "Health", "View"),
    "model.waiting": ("ALL", "FIRST", "FIRST_FAILURE", "ReturnWhen"),
    "polling.schedule": ("Schedule",),
    "util.public_names": ("restore",),
    "watch": ("Watch",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def load_ipython_extension(shell: Any) -> None:
    """Register the magics and the display of operations (``%load_ext ds_ops_magic``)."""
    from ds_ops_magic import magics

    magics.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take back all that loading registered and started (``%unload_ext ds_ops_magic``)."""
    from ds_ops_magic import magics

    magics.unload(shell)


def home_of(name: str) -> str:
    return f"{__name__}.{_HOME.get(name, 'model.errors')}"


def find(name: str) -> Any:
    """Return what a name stands for, None for one that is not here."""
    return getattr(importlib.import_module(home_of(name)), name, None)


if not TYPE_CHECKING:  # type checkers take it for a sign that every name is there

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return find(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
