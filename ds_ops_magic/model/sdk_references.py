"""Keys of what stands for operations elsewhere: objects of Yandex's SDKs, JSON of ``datasphere``, console pages.

None of those packages is imported: an object is known by the module and the name of its class.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ds_ops_magic.model.errors import NotAnOperation
from ds_ops_magic.model.ids import key_of
from ds_ops_magic.model.job import Job
from ds_ops_magic.util.text import one_line, tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_AI_STUDIO = "yandex_ai_studio_sdk"
_DATASPHERE = "datasphere"
_TUNING_SERVICE = "ai-foundation-models"  # whose OperationService the SDK of AI Studio asks about tuning tasks
_JOB_MESSAGE = "yandex.cloud.datasphere.v2.jobs.Job"

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_JOB_HOST = re.compile(r"(?:.+\.)?yandex\.(?:cloud|com)", re.IGNORECASE)
_JOB_PATH = re.compile(r"/communities/[^/]+/projects/[^/]+/job/([A-Za-z0-9_-]+)(?:/.*)?")


def attribute(value: object, name: str) -> Any:
    """Return an attribute of an object, None where it has none: one that raises, as SDKs' do, is not there."""
    try:
        return getattr(value, name, None)
    except Exception:
        return None


def has_attribute(value: object, name: str) -> bool:
    try:
        getattr(value, name)
    except Exception:
        return False
    return True


def key_in_url(text: str) -> str | None:
    """Return the key of the job whose page in the console a URL is, None for a text that is no URL.

    Raises:
        NotAnOperation: It is the URL of anything else.
    """
    if not _URL.match(text):
        return None
    try:
        parts = urlsplit(text)
        host, path = parts.hostname or "", parts.path
    except ValueError:  # of brackets that are no address
        host = path = ""
    found = _JOB_PATH.fullmatch(path)
    if found is None or not _JOB_HOST.fullmatch(host) or parts.scheme not in ("http", "https"):
        raise NotAnOperation(
            f"{one_line(text, 80)!r} is a URL and not that of a DataSphere job, which ends in "
            "/communities/ID/projects/ID/job/ID: give such a one, or an id."
        )
    return Job(found[1]).key


def key_in_fields(fields: Mapping[str, Any]) -> str | None:
    """Return the key in what ``datasphere`` writes of a job; None for a dictionary of anything else.

    That is what ``project job execute --async -o FILE`` writes (its class ExecutionData), and what ``project job get``
    and ``list`` print as JSON (its ``job_spec``).
    """
    if "job_id" in fields and "operation_id" in fields:
        operation_id, job_id = _text(fields["operation_id"]), _text(fields["job_id"])
        return operation_id or (Job(job_id).key if job_id else None)
    is_job = all(name in fields for name in ("status", "data_cleared", "data_expired_at"))
    job_id = _text(fields.get("id")) if is_job else ""
    return Job(job_id).key if job_id else None


def key_of_object(value: object) -> str | None:
    """Return the key of a job, or of an object that an SDK of Yandex's has for an operation; None for anything else.

    Raises:
        NotAnOperation: It is such an object, and no operation is known of it.
    """
    if isinstance(value, Job):
        return value.key
    descriptor = attribute(type(value), "DESCRIPTOR")
    if descriptor is not None and attribute(descriptor, "full_name") == _JOB_MESSAGE:
        return Job(attribute(value, "id") or "").key
    for kind in type(value).__mro__:
        package = str(attribute(kind, "__module__")).partition(".")[0]
        if found := _READERS.get((package, kind.__name__)):
            return found(value)
    return None


def operation_within(value: object) -> Any:
    """Return what an object has that stands for its operation, None where it has no such thing."""
    for name in ("operation", "operation_result"):  # the latter of yandexcloud's OperationError
        inner = attribute(value, name)
        if inner is not None and not callable(inner):
            return inner
    return None


def _job_wrapper(value: object) -> str | None:
    if operation_id := _text(attribute(value, "operation_id")):
        return operation_id
    job_id = _text(attribute(value, "job_id"))
    return Job(job_id).key if job_id else None


def _operation_error(value: object) -> str | None:
    return _text(attribute(attribute(value, "op"), "id")) or None


def _studio_operation(value: object) -> str | None:
    operation_id = _text(attribute(value, "id"))
    service = _text(attribute(value, "_service_name"))
    return key_of(service, operation_id) if operation_id and service else operation_id or None


def _tuning_task(value: object) -> str | None:
    operation_id = _text(attribute(value, "_operation_id"))
    if not operation_id:
        raise NotAnOperation(
            f"The tuning task {_shown(value)} does not know its operation yet: call its get_status(), which finds it, "
            "and give it again."
        )
    return key_of(_TUNING_SERVICE, operation_id)


def _tuning_task_info(value: object) -> str | None:
    operation_id = _text(attribute(value, "operation_id"))
    return key_of(_TUNING_SERVICE, operation_id) if operation_id else None


def _batch_task(value: object) -> str | None:
    raise NotAnOperation(
        f"The batch task {_shown(value)} has no operation, and its id is that of a task: follow it by its own wait() "
        "or get_status()."
    )


# What reads an object, by the package and the name of a class that it is of (datasphere 0.10, AI Studio's SDK 0.22).
_READERS: Mapping[tuple[str, str], Callable[[object], str | None]] = {
    (_DATASPHERE, "JobWrapper"): _job_wrapper,
    (_DATASPHERE, "OperationError"): _operation_error,
    (_AI_STUDIO, "BaseOperation"): _studio_operation,
    (_AI_STUDIO, "BaseTuningTask"): _tuning_task,
    (_AI_STUDIO, "TuningTaskInfo"): _tuning_task_info,
    (_AI_STUDIO, "BaseBatchTaskOperation"): _batch_task,
}


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _shown(value: object) -> str:
    return tidy(_text(attribute(value, "id")), 60)
