"""The one table of what each gRPC code means, for Get and for Cancel, and of how it reads."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from ds_ops_magic.model.errors import (
    MAX_ID_LENGTH,
    AuthenticationError,
    CancelNotSupported,
    InvalidOperationId,
    OperationNotFound,
    OperationsError,
    PermissionDenied,
    ServiceRefused,
    ServiceUnavailable,
    is_about_certificate,
)
from ds_ops_magic.util.text import one_line, tidy

if TYPE_CHECKING:
    from collections.abc import Mapping


class OnGet(enum.Enum):
    """What a code means when an operation was asked about while waiting."""

    RETRY = "asked again"
    BACK_OFF = "asked again, slower"
    REFRESH = "asked again with fresh credentials, once"
    RETRY_LIMITED = "asked again three times, then the wait ends"
    FAIL = "the wait for that operation ends"


class OnCancel(enum.Enum):
    """What a code means as the answer to Cancel."""

    RETRY = "asked again within its own deadline"
    REFRESH = "asked again with fresh credentials, once"
    RAISE = "raised"
    UNSUPPORTED = "the service does not cancel this"
    SETTLED = "raised, unless the operation has already ended"


class Meaning(NamedTuple):
    """A row of the table of codes."""

    get: OnGet
    cancel: OnCancel
    error: type[OperationsError]


_RETRIED = Meaning(OnGet.RETRY, OnCancel.RETRY, ServiceUnavailable)
_FINAL = Meaning(OnGet.FAIL, OnCancel.RAISE, ServiceRefused)

CODES: Mapping[str, Meaning] = {
    "UNAVAILABLE": _RETRIED,
    "DEADLINE_EXCEEDED": _RETRIED,
    "ABORTED": _RETRIED,
    "INTERNAL": _RETRIED,
    "CANCELLED": _RETRIED,
    "RESOURCE_EXHAUSTED": Meaning(OnGet.BACK_OFF, OnCancel.RETRY, ServiceUnavailable),
    "UNAUTHENTICATED": Meaning(OnGet.REFRESH, OnCancel.REFRESH, AuthenticationError),
    "NOT_FOUND": Meaning(OnGet.FAIL, OnCancel.RAISE, OperationNotFound),
    "PERMISSION_DENIED": Meaning(OnGet.FAIL, OnCancel.RAISE, PermissionDenied),
    "INVALID_ARGUMENT": Meaning(OnGet.FAIL, OnCancel.RAISE, InvalidOperationId),
    "UNKNOWN": Meaning(OnGet.RETRY_LIMITED, OnCancel.RAISE, ServiceRefused),
    "UNIMPLEMENTED": Meaning(OnGet.FAIL, OnCancel.UNSUPPORTED, ServiceRefused),
    "FAILED_PRECONDITION": Meaning(OnGet.FAIL, OnCancel.SETTLED, ServiceRefused),
    "ALREADY_EXISTS": _FINAL,
    "OUT_OF_RANGE": _FINAL,
    "DATA_LOSS": _FINAL,
}
"""What each gRPC code means; a code that is not here ends the wait (`meaning_of`)."""


def meaning_of(code: str) -> Meaning:
    """Return the row of the table for a gRPC code's name."""
    return CODES.get(code, _FINAL)


def code_of(code: str, words: str) -> str:
    """Return the name of the gRPC code that a status counts as.

    gRPC itself answers UNAUTHENTICATED where a server's certificate is for another name: no service was asked, and no
    token was sent.
    """
    return "UNAVAILABLE" if code == "UNAUTHENTICATED" and is_about_certificate(words) else code


def is_service(code: str, words: str) -> bool:
    """Tell whether a refusal of an operation that cannot exist comes from an OperationService all the same.

    Some answer UNKNOWN to an id they do not know. gRPC itself gives it for an HTTP status that it has no code for,
    and then names that status: what answers there speaks HTTP, and is a proxy or a web server.
    """
    return (
        code in ("UNKNOWN", "FAILED_PRECONDITION", "OUT_OF_RANGE") and "http2 header with status" not in words.lower()
    )


def error_for(code: str, words: str, operation_id: str, doing: str = "wait", source: str = "") -> OperationsError:
    """Make the error for a gRPC status that ended a wait or a request.

    Args:
        code: Name of the gRPC code.
        words: The service's own words: hostile until here.
        operation_id: The operation that was asked about.
        doing: ``wait``, ``get`` or ``cancel``: what the user can try again.
        source: Where the credentials came from, for example ``YC_IAM_TOKEN``; never their value.
    """
    name = tidy(operation_id, MAX_ID_LENGTH)
    origin = f" from {tidy(source, 100)}" if source else ""
    said = f"{code}: {one_line(words)}" if words.strip() else code
    kind = meaning_of(code).error
    what, hint = _WORDS.get(
        code, ("{id}: the service refused to {deed}.", "The operation itself goes on: %op get {id}")
    )
    if code == "UNIMPLEMENTED" and doing == "cancel":
        kind = CancelNotSupported
        what, hint = (
            "{id} cannot be cancelled: its service does not support it.",
            ("The operation goes on; to follow it: %op wait {id}"),
        )
    if code == "UNAUTHENTICATED" and not name:  # the first question of a connection is about no operation
        hint = "Get valid ones, then: %op connect"
    deed = "cancel it" if doing == "cancel" else "answer"
    error = kind(what.format(id=name, deed=deed, origin=origin), said, hint.format(id=name, doing=doing))
    if isinstance(error, ServiceRefused):
        error.code = code
    return error


# What is wrong and what to do next, by code; {id} is the operation's.
_WORDS: Mapping[str, tuple[str, str]] = {
    "NOT_FOUND": (
        "The service knows no operation {id}.",
        "Check the id, and that %op connect points at the service that gave it.",
    ),
    "PERMISSION_DENIED": (
        "No permission for operation {id}: the service refused to {deed}.",
        "Ask for a role in its folder or project, or connect as someone who has one: %op connect",
    ),
    "INVALID_ARGUMENT": ("The service says that {id} is no operation id.", "Check the id."),
    "UNAUTHENTICATED": (
        "The service refused the credentials{origin}.",
        "The operation goes on. Connect again, then: %op {doing} {id}",
    ),
    "UNKNOWN": (
        "{id}: the service failed to answer.",
        "Check the id. The operation itself may go on; try again: %op {doing} {id}",
    ),
    "UNIMPLEMENTED": (
        "{id}: what answers here is not an OperationService.",
        "Connect to the endpoint of the service that gave the id: %op connect ENDPOINT",
    ),
}
