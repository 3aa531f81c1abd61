"""What each gRPC code means: for Get, for Cancel, which error it is made into, and what that says."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from ds_ops_magic.model.errors import (
    AuthenticationError,
    CancelNotSupported,
    InvalidOperationId,
    OperationNotFound,
    OperationsError,
    PermissionDenied,
    ServiceRefused,
    ServiceUnavailable,
)
from ds_ops_magic.model.ids import shown_id
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
"""What each gRPC code means; a code that is not here ends the wait (`meaning_of`).

The HTTP status of a proxy comes as the code that gRPC gives it: 429, 502, 503 and 504 are UNAVAILABLE, 401 is
UNAUTHENTICATED, 403 PERMISSION_DENIED, 404 UNIMPLEMENTED, 400 INTERNAL, and any other UNKNOWN
(``doc/http-grpc-status-mapping.md`` of gRPC).
"""


def meaning_of(code: str) -> Meaning:
    return CODES.get(code, _FINAL)


def code_of(code: str, message: str) -> str:
    """Return the code that a status counts as.

    gRPC itself answers UNAUTHENTICATED where a server's certificate is for another name: no service was asked, and no
    token was sent.
    """
    return "UNAVAILABLE" if code == "UNAUTHENTICATED" and is_wrong_certificate(message) else code


def is_wrong_certificate(message: str) -> bool:
    return any(text in message for text in _WRONG_CERTIFICATE)


def wrong_certificate(endpoint: str) -> str:
    shown = tidy(endpoint, 100)
    return f"the certificate at {shown} is not for that name: it has to be in there as a subjectAltName"


def accepts_probe(error: OperationsError) -> bool:
    """Tell whether what refuses a Get without an id is an OperationService that has accepted the credentials.

    Most say so of the id; some answer UNKNOWN to one that they do not know. gRPC itself gives UNKNOWN for an HTTP
    status that it has no code for, and then names that status: what answers there is a proxy or a web server.
    """
    if isinstance(error, (InvalidOperationId, OperationNotFound, PermissionDenied)):
        return True
    if not isinstance(error, ServiceRefused) or error.code not in ("UNKNOWN", "FAILED_PRECONDITION", "OUT_OF_RANGE"):
        return False
    return "http2 header with status" not in str(error).lower()


def not_a_service(refused: ServiceRefused, endpoint: str) -> ServiceRefused:
    """Make the error for a refusal of the first call to an address, which is about no operation."""
    error = ServiceRefused(
        f"{tidy(endpoint, 100)} does not answer as an OperationService.",
        *refused.args[1:2],
        "Connect to the endpoint of one: %op connect ENDPOINT",
    )
    error.code = refused.code
    return error


def unavailable(message: str, endpoint: str) -> ServiceUnavailable:
    """Make the error for a service that has never answered; the message is gRPC's own."""
    shown = tidy(endpoint, 100)
    if "WRONG_VERSION_NUMBER" in message:  # OpenSSL's name for an answer that is no TLS
        return ServiceUnavailable(
            f"No answer from {shown} over TLS: what answers there speaks plaintext.",
            "Plaintext is for this host alone, loopback and unix sockets: anyone on the way could read the token.",
            "Give that service a certificate, or bring its port here by an SSH tunnel and connect to that.",
        )
    if is_wrong_certificate(message):
        return ServiceUnavailable(
            f"T{wrong_certificate(endpoint)[1:]}.",
            "Nothing was sent there: whoever answers has not shown to be that service.",
            "Connect by a name or an address that it is for, or have it made again with this one. Operations go on.",
        )
    return ServiceUnavailable(
        f"No answer from {shown}.",
        one_line(message) or "it stayed silent",
        "Check the address, TLS and the network, then %op connect again. Operations go on by themselves.",
    )


def error_for(code: str, message: str, operation_id: str, doing: str = "wait", source: str = "") -> OperationsError:
    """Make the error for a gRPC status that ended a wait or a request.

    ``doing`` is the subcommand that the user can try again: wait, get or cancel. ``source`` is where the credentials
    came from, for example ``YC_IAM_TOKEN``; never their value.
    """
    shown = shown_id(operation_id)
    origin = f" from {tidy(source, 100)}" if source else ""
    kind = meaning_of(code).error
    problem, hint = _MESSAGES.get(code, _OTHER)
    if code == "UNIMPLEMENTED" and doing == "cancel":
        kind, (problem, hint) = CancelNotSupported, _NO_CANCEL
    if code == "UNAUTHENTICATED" and not shown:  # the first call of a connection is about no operation
        hint = "Get valid ones, then: %op connect"
    deed = "cancel it" if doing == "cancel" else "answer"
    error = kind(
        problem.format(id=shown, deed=deed, origin=origin),
        f"{code}: {one_line(message)}" if message.strip() else code,
        hint.format(id=shown, doing=doing),
    )
    if isinstance(error, ServiceRefused):
        error.code = code
    return error


# What is wrong and what to do next, by code; {id} is the operation's.
_MESSAGES: Mapping[str, tuple[str, str]] = {
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
_OTHER = ("{id}: the service refused to {deed}.", "The operation itself goes on: %op get {id}")
_NO_CANCEL = (
    "{id} cannot be cancelled: its service does not support it.",
    "The operation goes on; to follow it: %op wait {id}",
)
_WRONG_CERTIFICATE = ("call host does not match SSL server name", "Hostname Verification Check failed")
