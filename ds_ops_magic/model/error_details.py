"""Error details of ``google.rpc`` in plain English (``google/rpc/error_details.proto``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ops_magic.util.text import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from google.protobuf.message import Message

_MAX_LISTED = 3  # violations, links or entries that are listed


def describe(detail: Message) -> str | None:
    """Describe a decoded detail: text still hostile; None for an empty one, and for a type not described here."""
    describe_type = _DESCRIPTIONS.get(detail.DESCRIPTOR.full_name)
    return (describe_type(detail) or None) if describe_type else None


def _bad_request(detail: Any) -> str:
    return _list(_pair(found.field, found.description) for found in detail.field_violations)


def _quota_failure(detail: Any) -> str:
    said = _list(_pair(found.subject, found.description) for found in detail.violations)
    return f"quota exceeded: {said}" if said else "quota exceeded"


def _precondition_failure(detail: Any) -> str:
    return _list(_pair(f"{found.type} {found.subject}", found.description) for found in detail.violations)


def _retry_info(detail: Any) -> str:
    seconds = detail.retry_delay.seconds + detail.retry_delay.nanos / 1e9
    return f"try again in {duration(seconds)}" if seconds > 0 else "it can be tried again at once"


def _error_info(detail: Any) -> str:
    reason = " of ".join(filter(None, (detail.reason and f"reason {detail.reason}", detail.domain)))
    about = [f"{name} {value}" for name, value in sorted(detail.metadata.items())]
    more = f", and {len(about) - _MAX_LISTED} more" if len(about) > _MAX_LISTED else ""
    facts = ", ".join(about[:_MAX_LISTED]) + more
    return f"{reason} ({facts})" if reason and facts else reason or facts


def _help(detail: Any) -> str:
    links = _list(_pair(link.description, link.url) for link in detail.links)
    return f"see {links}" if links else ""


def _resource_info(detail: Any) -> str:
    return _pair(f"{detail.resource_type} {detail.resource_name}", detail.description)


def _request_info(detail: Any) -> str:
    return f"request id {detail.request_id}, for the support" if detail.request_id else ""


_DESCRIPTIONS: Mapping[str, Callable[[Any], str]] = {
    "google.rpc.BadRequest": _bad_request,
    "google.rpc.ErrorInfo": _error_info,
    "google.rpc.Help": _help,
    "google.rpc.LocalizedMessage": lambda detail: detail.message,
    "google.rpc.PreconditionFailure": _precondition_failure,
    "google.rpc.QuotaFailure": _quota_failure,
    "google.rpc.RequestInfo": _request_info,
    "google.rpc.ResourceInfo": _resource_info,
    "google.rpc.RetryInfo": _retry_info,
}


def _pair(about: str, said: str) -> str:
    return ": ".join(filter(None, (about.strip(), said.strip())))


def _list(said: Iterable[str]) -> str:
    known = [text for text in said if text]
    more = f"; and {len(known) - _MAX_LISTED} more" if len(known) > _MAX_LISTED else ""
    return "; ".join(known[:_MAX_LISTED]) + more
