"""Responses that tell of a failure: an operation can end well for its service while the program it ran did not.

A table by type, and no guess by the names of fields: ``mdb.postgresql.v1.FinishedRepack`` has an exit code too,
and it is no outcome.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

from ds_ops_magic.model.outcome import Failure
from ds_ops_magic.model.payload import UnknownPayload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ds_ops_magic.model.payload import Payload


class Verdict(NamedTuple):
    """What a response says beyond its content; the warnings are as they came: hostile until escaped."""

    failure: Failure | None = None
    warnings: tuple[str, ...] = ()


def verdict_on(type_url: str, decode: Callable[[], Payload | None]) -> Verdict:
    """Return what a response says, by its type; others are not decoded, and what cannot be read says nothing."""
    judge = _JUDGES.get(type_url.rpartition("/")[2])
    response = decode() if judge is not None else None
    if judge is None or response is None or isinstance(response, UnknownPayload):
        return Verdict()
    with contextlib.suppress(AttributeError, ValueError):  # stubs of another version, without a field
        return judge(response)
    return Verdict()


def lost_files(kind: str, decode: Callable[[], Payload | None]) -> tuple[str, ...]:
    """Return the files of a job that were not kept, out of metadata of this type: where it failed is no response."""
    metadata: Any = decode() if kind == _JOB_METADATA else None
    with contextlib.suppress(AttributeError, ValueError):  # as above, and where it cannot be read
        return tuple(map(_lost_file, metadata.job.file_errors))
    return ()


def exit_meaning(code: int) -> str:
    """Say what an exit code means by the rules of Linux, empty where it means what the program wants it to.

    A shell gives 128 + n for a program that signal n ended, Python's subprocess -n.
    """
    if code in _SHELL:
        return _SHELL[code]
    number = -code if code < 0 else code - 128
    name = _SIGNALS.get(number)
    if name is None:
        return ""
    return f"{_WORDS[name]} ({name})" + _REMARKS.get(name, "") if name in _WORDS else f"ended by {name}"


def _job(response: Any) -> Verdict:
    code = response.result.return_code
    failure = Failure("program", code, f"exit code {code}", exit_meaning(code)) if code else None
    return Verdict(failure, tuple(map(_lost_file, response.output_files_errors)))


def _lost_file(error: Any) -> str:
    name = error.output_file_desc.path if error.HasField("output_file_desc") else error.log_file_name
    return f"{name or 'a file'} ({error.description or _REASONS.get(error.type, 'no reason given')})"


def _cell(response: Any) -> Verdict:
    found = _CELL_FAILURES.get(response.execution_status)
    return Verdict(Failure("program", None, *found) if found else None)


_JUDGES: Mapping[str, Callable[[Any], Verdict]] = {
    "yandex.cloud.datasphere.v2.jobs.ExecuteProjectJobResponse": _job,
    "yandex.cloud.datasphere.v2.ProjectExecutionResponse": _cell,
}
_JOB_METADATA = "yandex.cloud.datasphere.v2.jobs.ExecuteProjectJobMetadata"
_REASONS = {1: "upload failed", 2: "not found"}  # FileUploadError.ErrorType
_CELL_FAILURES = {2: ("ERROR", "the cell raised an error"), 3: ("ABORTED", "the cell was aborted")}  # ExecutionStatus
_SHELL = {126: "its command cannot be executed", 127: "its command was not found"}
# Of Linux, where jobs run; the `signal` module has those of this machine.
# fmt: off
_SIGNALS = dict(enumerate((
    "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV",
    "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN",
    "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
), start=1))
# fmt: on
_WORDS = {
    "SIGABRT": "aborted",
    "SIGINT": "interrupted",
    "SIGKILL": "killed",
    "SIGSEGV": "segmentation fault",
    "SIGTERM": "terminated",
}
_REMARKS = {"SIGKILL": ", mostly because it ran out of memory"}
