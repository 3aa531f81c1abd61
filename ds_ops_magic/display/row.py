"""One operation as a row of a panel or of the table of ``%op list``: every text that is shown about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timezone
from typing import TYPE_CHECKING, Any

from ds_ops_magic.display.status_style import STATUS_STYLES, StatusStyle
from ds_ops_magic.model.outcome import Status
from ds_ops_magic.model.payload import UnknownPayload, to_line, to_plain
from ds_ops_magic.services.console import console_link, job_link
from ds_ops_magic.services.job_facts import job_of, stops_gracefully
from ds_ops_magic.util.text import counted, duration, one_line, tidy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.view import Entry, View

FORCE_AFTER = 3.0
"""Seconds from a cancel to the moment when it can be forced."""

_MAX_WARNINGS = 3  # that are named


@dataclass(frozen=True)
class Row:
    """One operation. All text is one line, safe to print, and not yet escaped for HTML.

    Attributes:
        id: The operation.
        title: What it is.
        status: Its status in a word or two.
        style: Symbol and colour of the status.
        note: The progress message, how long it has taken, and how much is left, or how long it usually takes.
        facts: What a reader needs months later: label and text.
        fraction: 0..1 where the service says it, else None.
        error: Code and message of what went wrong, empty where nothing did.
        warning: What went wrong and makes no failure, empty where nothing did.
        details: What else is known about the error, a line each.
        log: The last lines of stderr of a job that failed.
        result: The response as plain data, None where there is none.
        link: Address of the result in the console, None where there is none.
        ended: Whether nothing more will happen.
        cancellable: Whether a Cancel button makes sense.
        forcible: Whether a button makes sense that ends at once what was asked to end by itself.
        can_force: Whether enough time has passed since then for that button to take a press.
        age: Seconds since it was created, 0 where that is not known.
    """

    id: str
    title: str
    status: str
    style: StatusStyle
    note: str
    facts: tuple[tuple[str, str], ...]
    fraction: float | None = None
    error: str = ""
    warning: str = ""
    details: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    result: Any = None
    link: str | None = None
    ended: bool = False
    cancellable: bool = False
    forcible: bool = False
    can_force: bool = False
    age: float = 0.0


def row_of(entry: Entry, view: View, now: datetime) -> Row:
    """Compute the row of one entry of a view."""
    operation = entry.operation
    response = operation.response if operation else None
    forcible = operation is not None and _is_forcible(entry, operation)
    return Row(
        id=tidy(entry.id, 50),
        title=operation.title if operation else tidy(entry.id, 50),
        status=_status(entry),
        style=STATUS_STYLES[_last_status(entry)],  # a cancel that was asked for here changes the word only
        note=_note(entry, view, now),
        facts=_facts(operation) if operation else (),
        fraction=operation.progress.fraction if operation else None,
        error=_error(entry),
        warning=_warning(operation.warnings) if operation else "",
        details=_details(operation),
        log=entry.stderr,
        result=_result(response),
        link=_link(operation, view) if operation else None,
        ended=entry.ended,
        cancellable=not entry.ended and not entry.cancelling and entry.cancel_error is None,
        forcible=forcible,
        can_force=forcible and view.watched_for - entry.cancelling_since >= FORCE_AFTER,
        age=(operation.elapsed_at(now) if operation else None) or 0.0,
    )


def _link(operation: Operation, view: View) -> str | None:
    job = job_of(operation)
    if job is not None:
        return job_link(view.project_links.get(job.project_id, ""), job.id)
    response = operation.response
    return console_link(response) if response is not None and not isinstance(response, UnknownPayload) else None


def _is_forcible(entry: Entry, operation: Operation) -> bool:
    return entry.cancelling and not entry.ended and not entry.forced and stops_gracefully(operation)


def non_empty(facts: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((label, text) for label, text in facts.items() if text)


def utc_time(moment: datetime | None) -> str:
    """Write a time as static results show it; empty for None."""
    return f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC" if moment else ""


def _status(entry: Entry) -> str:
    if entry.error is None and entry.operation is not None and entry.cancelling and not entry.ended:
        return "cancelling"
    return _last_status(entry)


def _last_status(entry: Entry) -> str:
    if entry.error is not None:
        return "unknown"
    return entry.operation.status_word if entry.operation else "asking"


def _note(entry: Entry, view: View, now: datetime) -> str:
    operation = entry.operation
    if operation is None:
        return ""
    time = _time_taken(operation, view, now)
    if operation.done:
        return f"{'in' if operation.status is Status.SUCCEEDED else 'after'} {time}" if time else ""
    if entry.cancel_error is not None:
        return " · ".join(filter(None, (entry.cancel_error.args[0], time)))
    if operation.status is Status.FAILING:
        return "error reported, still stopping" if operation.status_word == "failing" else "stopping"
    left = _time_left(operation, now) or _usual_time(operation, view, now)
    return " · ".join(part for part in (operation.progress.text, time, left, _as_job(entry)) if part)


def _as_job(entry: Entry) -> str:
    return "a job, by its own id" if entry.is_by_job_id else ""


def _time_taken(operation: Operation, view: View, now: datetime) -> str:
    taken = operation.elapsed_at(now)
    if taken is not None:
        return duration(taken, ticking=not operation.done)
    if operation.done or view.watched_for < 1.0:
        return ""
    return f"watched for {duration(view.watched_for, ticking=True)}"  # the service does not say when it began


def _time_left(operation: Operation, now: datetime) -> str:
    fraction, seen = operation.progress.fraction, operation.modified_at or now
    taken = operation.elapsed_at(seen)  # the fraction is as old as the snapshot
    if not fraction or not taken or not 0.05 <= fraction < 1.0 or taken < 5.0:
        return ""
    left = taken * (1.0 - fraction) / fraction - (now - seen).total_seconds()
    return f"about {duration(left, ticking=True)} left" if left >= 1.0 else ""


def _usual_time(operation: Operation, view: View, now: datetime) -> str:
    taken, durations = operation.elapsed_at(now), view.durations.get(operation.kind)
    return "" if taken is None or durations is None else durations.describe(taken)


def _error(entry: Entry) -> str:
    if entry.error is not None:
        return tidy(" ".join(str(line) for line in entry.error.args[:2]), 300)
    wrong = (entry.operation.failure or entry.operation.error) if entry.operation else None
    if wrong is None:
        return ""
    return ": ".join(filter(None, (wrong.name, one_line(wrong.message, 300))))


def _warning(lost_files: tuple[str, ...]) -> str:
    if not lost_files:
        return ""
    first = ", ".join(one_line(lost, 100) for lost in lost_files[:_MAX_WARNINGS])
    more = f" and {len(lost_files) - _MAX_WARNINGS:,} more" if len(lost_files) > _MAX_WARNINGS else ""
    were = "was" if len(lost_files) == 1 else "were"
    return f"{counted(len(lost_files), 'output file')} {were} not kept: {first}{more}"


def _details(operation: Operation | None) -> tuple[str, ...]:
    if operation is None or operation.error is None:
        return ()
    return tuple(to_line(detail) for detail in operation.error.details[:4])


def _facts(operation: Operation) -> tuple[tuple[str, str], ...]:
    return non_empty(
        {
            "created": utc_time(operation.created_at),
            "ended" if operation.done else "changed": utc_time(operation.modified_at),
            "by": one_line(operation.created_by, 64),
            "kind": tidy(operation.kind, 120),
            "resource": one_line(operation.resource_id or "", 64),
        }
    )


def _result(response: Any) -> Any:
    if response is None:
        return None
    if isinstance(response, UnknownPayload):
        return {"@type": tidy(response.type_url), "size": response.size}
    plain = to_plain(response)
    return {"@type": response.DESCRIPTOR.full_name, **(plain if isinstance(plain, dict) else {"value": plain})}
