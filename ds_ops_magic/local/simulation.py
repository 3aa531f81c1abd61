"""The scripted course of a simulated operation, computed from timestamps: no thread, and the same after a restart."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import QuotaFailure
from google.rpc.status_pb2 import Status
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import JobProgress, JobResult
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata, ExecuteProjectJobResponse

from ds_ops_magic.local.results import CANCELLED, CANCELLING
from ds_ops_magic.util.text import one_line

Outcome = Literal["success", "failure", "failing", "cancelled", "no-cancel"]

OUTCOMES: tuple[str, ...] = get_args(Outcome)

WIND_DOWN = 300_000_000
"""Nanoseconds from a cancel to the end."""

MAX_DURATION = 366 * 86400.0
"""The longest course in seconds."""

MAX_STEPS = 1_000_000


@dataclass(frozen=True)
class Simulation:
    """What a simulated operation will do.

    Args:
        duration: Seconds, 0 to `MAX_DURATION`.
        steps: Number of steps of equal length, 1 to `MAX_STEPS`.
        outcome: ``success``; ``failure`` (an error at the end); ``failing`` (the error shows at 60% of the duration,
            and the end comes later); ``cancelled`` (someone else cancels it half way); ``no-cancel`` (a success that
            refuses Cancel).

    Raises:
        ValueError: One of them is none of these.
    """

    duration: float = 3.0
    steps: int = 5
    outcome: str = "success"

    def __post_init__(self) -> None:
        if not _is_number(self.duration) or not 0 <= self.duration <= MAX_DURATION:
            raise ValueError(
                f"duration is a number of seconds from 0 to {MAX_DURATION:,.0f}, not {_shown(self.duration)}."
            )
        if not isinstance(self.steps, int) or isinstance(self.steps, bool) or not 1 <= self.steps <= MAX_STEPS:
            raise ValueError(f"steps is a whole number from 1 to {MAX_STEPS:,}, not {_shown(self.steps)}.")
        if self.outcome not in OUTCOMES:
            raise ValueError(f"outcome is one of {', '.join(OUTCOMES)}, not {_shown(self.outcome)}.")

    @property
    def cancellable(self) -> bool:
        """Whether Cancel is supported."""
        return self.outcome != "no-cancel"

    @property
    def length(self) -> int:
        """The duration in nanoseconds."""
        return round(self.duration * 1e9)

    def to_json(self) -> str:
        """Return the JSON that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Simulation:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class State:
    """A simulated operation at one moment; times are nanoseconds since the epoch."""

    metadata: ExecuteProjectJobMetadata
    modified_at: int
    done: bool = False
    error: Status | None = None
    response: ExecuteProjectJobResponse | None = None


def state_at(course: Simulation, created_at: int, cancel_requested: int | None, now: int) -> State:
    """Compute the state of a simulated operation.

    Between two changes the answer is the same, ``modified_at`` included, and an end stays what it was for any later
    ``now``.

    Args:
        course: What it does.
        created_at: When it began, nanoseconds since the epoch, as the other times.
        cancel_requested: When a cancel was accepted, None where none was.
        now: The moment asked about; one before ``created_at`` (clocks are set back) counts as that.
    """
    now = max(now, created_at)
    cancelled_at = _cancelled_at(course, created_at, cancel_requested)
    if cancelled_at is not None and now >= cancelled_at:
        return _cancelled(_working(course, created_at, cancelled_at), cancelled_at, now)
    end = created_at + course.length
    state = _working(course, created_at, now)
    if course.outcome == "failing" and now >= created_at + _failing_after(course):
        state = replace(state, error=_BROKEN)
    return state if now < end else _ended(course, state, end)


def _cancelled_at(course: Simulation, created_at: int, requested: int | None) -> int | None:
    moments = []
    if course.outcome == "cancelled":
        moments.append(created_at + course.length // 2)
    if requested is not None and course.cancellable and requested < created_at + course.length:
        moments.append(max(requested, created_at))
    return min(moments, default=None)


def _cancelled(state: State, cancelled_at: int, now: int) -> State:
    end = cancelled_at + WIND_DOWN
    if now < end:
        return replace(state, modified_at=cancelled_at, error=CANCELLING)
    return replace(state, modified_at=end, done=True, error=CANCELLED)


def _ended(course: Simulation, state: State, end: int) -> State:
    state = replace(state, modified_at=end, done=True)
    if course.outcome == "failure":
        return replace(state, error=_OVER_QUOTA)
    if course.outcome == "failing":
        return state
    return replace(state, response=ExecuteProjectJobResponse(result=JobResult(return_code=0)))


def _working(course: Simulation, created_at: int, now: int) -> State:
    """Compute how far the steps have come: the state changes only when one completes."""
    elapsed = min(now - created_at, course.length)
    if course.outcome == "failing":
        elapsed = min(elapsed, _failing_after(course))
    completed = elapsed * course.steps // course.length if course.length else course.steps
    if course.outcome == "failure":
        completed = min(completed, course.steps - 1)  # its last step is the one that fails
    changed = created_at + _ceil(course.length * completed, course.steps)
    failing_at = created_at + _failing_after(course)
    if course.outcome == "failing" and now >= failing_at:
        changed = failing_at
    stamp = Timestamp()
    stamp.FromNanoseconds(changed)
    progress = JobProgress(
        message=f"step {completed} of {course.steps}", progress=100 * completed // course.steps, create_time=stamp
    )
    return State(ExecuteProjectJobMetadata(progress=progress), modified_at=changed)


def _failing_after(course: Simulation) -> int:
    return _ceil(course.length * 6, 10)


def _ceil(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _shown(value: object) -> str:
    return one_line(repr(value), 60)


def _over_quota() -> Status:
    status = Status(code=code_pb2.RESOURCE_EXHAUSTED, message="Simulated failure: the quota of running jobs is used up")
    violation = QuotaFailure.Violation(subject="simulated", description="The limit on running jobs is exceeded")
    status.details.add().Pack(QuotaFailure(violations=[violation]))
    return status


_OVER_QUOTA = _over_quota()
_BROKEN = Status(code=code_pb2.INTERNAL, message="Simulated failure: an instance stopped answering")
