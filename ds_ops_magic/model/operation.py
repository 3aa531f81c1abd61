"""`Operation`: a value over one ``yandex.cloud.operation.Operation`` message."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict

from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.model.ids import shown_id
from ds_ops_magic.model.outcome import ErrorStatus, Failure, Status, status_of, status_word
from ds_ops_magic.model.outcome_errors import operation_failed
from ds_ops_magic.model.payload import decode, target_id, to_plain, type_words
from ds_ops_magic.model.progress import Progress, progress_of
from ds_ops_magic.model.responses import Verdict, lost_files, verdict_on
from ds_ops_magic.util.public_names import restore
from ds_ops_magic.util.text import one_line, tidy

try:
    from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage
except TypeError:  # protobuf's error for a second file of the same name that is not the same
    raise OperationsError(
        "Another package has brought its own copy of Yandex Cloud's messages into this process, and they clash.",
        "Restart the kernel, now that yandexcloud is installed: datasphere then uses yandexcloud's too.",
    ) from None

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from ds_ops_magic.model.payload import Payload


class Operation:
    """One operation as a service described it at one moment.

    A frozen value: fields decode on first use, equality is by content, and it can be pickled. Times are aware UTC
    datetimes, None where the service left them unset.
    """

    _message: OperationMessage

    def __init__(self, message: OperationMessage) -> None:
        """Take over a message: the caller must not change it afterwards (`from_proto` copies)."""
        object.__setattr__(self, "_message", message)

    @classmethod
    def from_proto(cls, message: OperationMessage) -> Operation:
        """Make a view of a copy of a ``yandex.cloud.operation.Operation``."""
        copy = OperationMessage()
        copy.CopyFrom(message)
        return cls(copy)

    @classmethod
    def from_bytes(cls, data: bytes) -> Operation:
        """Parse a serialized message.

        Raises:
            google.protobuf.message.DecodeError: The bytes are not an Operation (broken UTF-8 included).
        """
        return cls(OperationMessage.FromString(data))

    def to_proto(self) -> OperationMessage:
        """Return a copy of the message, free to change."""
        copy = OperationMessage()
        copy.CopyFrom(self._message)
        return copy

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON mapping of protobuf, payloads decoded where their type is installed."""
        plain: dict[str, Any] = MessageToDict(
            OperationMessage(
                id=self.id,
                description=self.description,
                created_by=self.created_by,
                done=self.done,
                created_at=_representable(self._message, "created_at"),
                modified_at=_representable(self._message, "modified_at"),
            ),
            preserving_proto_field_name=True,
        )
        if self._message.HasField("metadata"):
            plain["metadata"] = to_plain(self._message.metadata)
        if self.error is not None:
            details = [to_plain(detail) for detail in self._message.error.details]
            plain["error"] = {"code": self.error.code, "message": self.error.message, "details": details}
        elif self._message.HasField("response"):
            plain["response"] = to_plain(self._message.response)
        return plain

    @property
    def id(self) -> str:
        """The operation's id, at most 50 characters at the service."""
        return self._message.id

    @property
    def description(self) -> str:
        """The description, 0-256 characters, as it came: hostile until escaped."""
        return self._message.description

    @property
    def created_at(self) -> datetime | None:
        """When the operation was created, UTC."""
        return _time(self._message, "created_at")

    @property
    def created_by(self) -> str:
        """Id of the user or service account that asked for it."""
        return self._message.created_by

    @property
    def modified_at(self) -> datetime | None:
        """When the operation last changed, UTC."""
        return _time(self._message, "modified_at")

    @property
    def done(self) -> bool:
        """Whether the operation is over. A failing operation is not done."""
        return self._message.done

    @cached_property
    def metadata(self) -> Payload | None:
        """The typed metadata, UnknownPayload where its type is not installed, None where unset."""
        return decode(self._message.metadata)

    @cached_property
    def error(self) -> ErrorStatus | None:
        """The service's error; set while the operation is still failing, and after it failed or was cancelled."""
        status = self._message.error
        return ErrorStatus.from_proto(status) if status.code or status.message else None  # code 0 is OK

    @cached_property
    def response(self) -> Payload | None:
        """The typed response once done without an error, its program's failure included.

        None for Empty, and for a response that is set before the end.
        """
        if not self.done or self.error is not None:
            return None
        response = decode(self._message.response)
        return None if isinstance(response, Empty) else response

    @cached_property
    def _verdict(self) -> Verdict:
        if not self.done or self.error is not None:
            return Verdict()
        return verdict_on(self._message.response.type_url, lambda: self.response)

    @cached_property
    def failure(self) -> Failure | None:
        """Who failed, and how, once it ended in any way but success; a cancellation counts, as of the service."""
        if self.done and self.error is not None:
            return Failure.of_service(self.error)
        return self._verdict.failure

    @property
    def warnings(self) -> tuple[str, ...]:
        """The output files that a job's service did not keep, each with the reason; they make no failure.

        As they came: hostile until escaped.
        """
        return self._verdict.warnings or (lost_files(self.kind, lambda: self.metadata) if self.done else ())

    @cached_property
    def status(self) -> Status:
        """The state: done with neither an error nor a response that tells of a failure counts as succeeded."""
        return status_of(self.done, self.error, self.failure if self.done else None)

    @property
    def status_word(self) -> str:
        """The word a user reads: that of the status, or ``cancelling`` while a cancellation winds down."""
        return status_word(self.status, self.error)

    @cached_property
    def progress(self) -> Progress:
        """How far it is, as far as its metadata says."""
        return progress_of(self.metadata, ended=self.done)

    @property
    def kind(self) -> str:
        """Full name of the metadata's type, empty where there is none."""
        return self._message.metadata.type_url.rpartition("/")[2]

    @property
    def title(self) -> str:
        """One line: the description, else the name of the metadata's type, else the id."""
        return one_line(self.description) or " ".join(type_words(self.kind)).capitalize() or tidy(self.id)

    @property
    def elapsed(self) -> float | None:
        """Seconds from `created_at` to `modified_at` when done, else to now; None where the service does not say."""
        return self.elapsed_at(datetime.now(timezone.utc))

    def elapsed_at(self, now: datetime) -> float | None:
        """Return `elapsed` as of an aware time; never negative, because clocks differ."""
        end = self.modified_at if self.done else now
        if self.created_at is None or end is None:
            return None
        return max(0.0, (end - self.created_at).total_seconds())

    @cached_property
    def resource_id(self) -> str | None:
        """Id of what the operation works on, out of the metadata; None where it does not say."""
        return target_id(self.metadata)

    def result(self) -> Payload | None:
        """Return the typed response (None for Empty) of an operation that succeeded.

        Raises:
            OperationFailed: It failed; ProgramFailed when only its program did, OperationCancelled when cancelled.
            OperationsError: It is not done yet.
        """
        if not self.done:
            raise OperationsError(
                f"Operation {tidy(self.id)} is not done yet ({self.status_word}).",
                f"Wait for it: %op wait {tidy(self.id)}",
            )
        if self.failure is not None:
            raise operation_failed(self)
        return self.response

    def __setattr__(self, name: str, value: object) -> None:
        # cached_property writes to __dict__ itself and does not pass here.
        raise AttributeError(f"an Operation is a snapshot: {name} cannot be set")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operation) and self._message == other._message

    def __hash__(self) -> int:
        return hash((self.id, self.done, self._message.modified_at.seconds, self._message.modified_at.nanos))

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, ("Operation.from_bytes", self._message.SerializeToString())

    def __repr__(self) -> str:
        title = f", {self.title!r}" if self.title != tidy(self.id) else ""
        return f"Operation({shown_id(self.id)!r}, {self.status_word}{title})"


def _time(message: OperationMessage, field: str) -> datetime | None:
    stamp: Timestamp | None = _representable(message, field)
    return stamp.ToDatetime(timezone.utc) if stamp is not None else None


def _representable(message: OperationMessage, field: str) -> Timestamp | None:
    """Return a timestamp, None where it is unset or no calendar holds it (1 to 9999, timestamp.proto)."""
    if not message.HasField(field):  # type: ignore[arg-type]  # the stub wants a literal
        return None
    stamp: Timestamp = getattr(message, field)
    if not (stamp.seconds or stamp.nanos):
        return None
    try:
        stamp.ToDatetime(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return stamp
