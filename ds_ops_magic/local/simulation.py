"""Simulated operations, whose state is computed from timestamps: no thread, and the same after a restart."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import QuotaFailure
from google.rpc.status_pb2 import Status
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import JobProgress, JobResult
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata, ExecuteProjectJobResponse

from ds_ops_magic.local.results import CANCELLED, CANCELLING, short_repr

OUTCOMES = ("success", "failure", "failing", "cancelled", "no-cancel")

CANCEL_DURATION = 300_000_000
"""Nanoseconds from a cancel to the end."""

MAX_DURATION = 366 * 86400.0
"""The longest duration in seconds."""

MAX_STEPS = 1_000_000


@dataclass(frozen=True)
class Simulation:
    """A simulated operation.

    Args:
        duration: Seconds, 0 to `MAX_DURATION`.
        steps: Number of steps of equal length, 1 to `MAX_STEPS`.
        outcome: ``success``; ``failure`` (an error at the end); ``failing`` (the error shows at 60% of the duration,
            and the operation ends later); ``cancelled`` (someone else cancels it half way); ``no-cancel`` (a success
            that cannot be cancelled).

    Raises:
        ValueError: One of them is out of its range.
    """

    duration: float = 3.0
    steps: int = 5
    outcome: str = "success"

    def __post_init__(self) -> None:
        if not _is_number(self.duration) or not 0 <= self.duration <= MAX_DURATION:
            raise ValueError(
                f"duration is a number of seconds from 0 to {MAX_DURATION:,.0f}, not {short_repr(self.duration)}."
            )
        if not isinstance(self.steps, int) or isinstance(self.steps, bool) or not 1 <= self.steps <= MAX_STEPS:
            raise ValueError(f"steps is a whole number from 1 to {MAX_STEPS:,}, not {short_repr(self.steps)}.")
        if self.outcome not in OUTCOMES:
            raise ValueError(f"outcome is one of {', '.join(OUTCOMES)}, not {short_repr(self.outcome)}.")

    @property
    def cancellable(self) -> bool:
        return self.outcome != "no-cancel"

    @property
    def length(self) -> int:
        """Nanoseconds from its beginning to its end."""
        return round(self.duration * 1e9)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Simulation:
        return cls(**json.loads(text))


@dataclass(frozen=True)
class State:
    """A simulated operation at one moment; times are nanoseconds since the epoch."""

    metadata: ExecuteProjectJobMetadata
    modified_at: int
    done: bool = False
    error: Status | None = None
    response: ExecuteProjectJobResponse | None = None


def state_at(simulation: Simulation, created_at: int, cancel_requested: int | None, now: int) -> State:
    """Compute the state of a simulated operation; times are nanoseconds since the epoch.

    Between two changes the result is the same, ``modified_at`` included, and after the end it never changes. A ``now``
    before ``created_at`` (clocks are set back) counts as ``created_at``.
    """
    now = max(now, created_at)
    cancelled_at = _cancelled_at(simulation, created_at, cancel_requested)
    if cancelled_at is not None and now >= cancelled_at:
        return _cancel(_progress_at(simulation, created_at, cancelled_at), cancelled_at, now)
    end = created_at + simulation.length
    state = _progress_at(simulation, created_at, now)
    if simulation.outcome == "failing" and now >= created_at + _failing_after(simulation):
        state = replace(state, error=_BROKEN)
    return state if now < end else _finish(simulation, state, end)


def _cancelled_at(simulation: Simulation, created_at: int, requested: int | None) -> int | None:
    moments = []
    if simulation.outcome == "cancelled":
        moments.append(created_at + simulation.length // 2)
    if requested is not None and simulation.cancellable and requested < created_at + simulation.length:
        moments.append(max(requested, created_at))
    return min(moments, default=None)


def _cancel(state: State, cancelled_at: int, now: int) -> State:
    end = cancelled_at + CANCEL_DURATION
    if now < end:
        return replace(state, modified_at=cancelled_at, error=CANCELLING)
    return replace(state, modified_at=end, done=True, error=CANCELLED)


def _finish(simulation: Simulation, state: State, end: int) -> State:
    state = replace(state, modified_at=end, done=True)
    if simulation.outcome == "failure":
        return replace(state, error=_OVER_QUOTA)
    if simulation.outcome == "failing":
        return state
    return replace(state, response=ExecuteProjectJobResponse(result=JobResult(return_code=0)))


def _progress_at(simulation: Simulation, created_at: int, now: int) -> State:
    # The state changes only when a step completes.
    elapsed = min(now - created_at, simulation.length)
    if simulation.outcome == "failing":
        elapsed = min(elapsed, _failing_after(simulation))
    completed = elapsed * simulation.steps // simulation.length if simulation.length else simulation.steps
    if simulation.outcome == "failure":
        completed = min(completed, simulation.steps - 1)  # its last step is the one that fails
    changed = created_at + _ceil(simulation.length * completed, simulation.steps)
    failing_at = created_at + _failing_after(simulation)
    if simulation.outcome == "failing" and now >= failing_at:
        changed = failing_at
    stamp = Timestamp()
    stamp.FromNanoseconds(changed)
    progress = JobProgress(
        message=f"step {completed} of {simulation.steps}",
        progress=100 * completed // simulation.steps,
        create_time=stamp,
    )
    return State(ExecuteProjectJobMetadata(progress=progress), modified_at=changed)


def _failing_after(simulation: Simulation) -> int:
    return _ceil(simulation.length * 6, 10)


def _ceil(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _over_quota() -> Status:
    status = Status(code=code_pb2.RESOURCE_EXHAUSTED, message="Simulated failure: the quota of running jobs is used up")
    violation = QuotaFailure.Violation(subject="simulated", description="The limit on running jobs is exceeded")
    status.details.add().Pack(QuotaFailure(violations=[violation]))
    return status


_OVER_QUOTA = _over_quota()
_BROKEN = Status(code=code_pb2.INTERNAL, message="Simulated failure: an instance stopped answering")
