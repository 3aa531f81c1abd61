"""Simulated operations, whose state is computed from timestamps: no thread, and the same after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import QuotaFailure
from google.rpc.status_pb2 import Status
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import FileDesc, FileUploadError, JobProgress, JobResult
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2 import ExecuteProjectJobMetadata, ExecuteProjectJobResponse

from ds_ops_magic.local.results import CANCELLED, CANCELLING, short_repr
from ds_ops_magic.local.simulated_log import LogLine, checked_log

OUTCOMES = ("success", "failure", "failing", "cancelled", "no-cancel")

CANCEL_DURATION = 300_000_000
"""Nanoseconds from a cancel to the end."""

MAX_DURATION = 366 * 86400.0
"""The longest duration in seconds."""

MAX_STEPS = 1_000_000

_MAX_FILES = 100
_MAX_PATH = 256
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Simulation:
    """A simulated operation, which is a job.

    Args:
        duration: Seconds, 0 to `MAX_DURATION`.
        steps: Number of steps of equal length, 1 to `MAX_STEPS`.
        outcome: ``success``; ``failure`` (an error at the end); ``failing`` (the error shows at 60% of the duration,
            and the operation ends later); ``cancelled`` (someone else cancels it half way); ``no-cancel`` (a success
            that cannot be cancelled).
        return_code: What the program of the job returns, where the outcome is a success: the operation ends well, and
            the job does not unless it is 0.
        graceful: Seconds that a graceful cancel takes; None: the job knows no graceful shutdown.
        file_errors: Paths of output files that cannot be stored at a success.
        log: Its lines, which appear evenly over the duration, until a cancel: each is a text of stdout, or a pair of a
            source and a text. A source is ``stdout``, ``stderr`` or the path of a file, for example ``.system.log``.

    Raises:
        ValueError: One of them is out of its range.
    """

    duration: float = 3.0
    steps: int = 5
    outcome: str = "success"
    return_code: int = 0
    graceful: float | None = None
    file_errors: Sequence[str] = ()
    log: Sequence[str | tuple[str, str]] | None = ()

    def __post_init__(self) -> None:
        if not _is_number(self.duration) or not 0 <= self.duration <= MAX_DURATION:
            raise ValueError(
                f"duration is a number of seconds from 0 to {MAX_DURATION:,.0f}, not {short_repr(self.duration)}."
            )
        if not _is_whole(self.steps) or not 1 <= self.steps <= MAX_STEPS:
            raise ValueError(f"steps is a whole number from 1 to {MAX_STEPS:,}, not {short_repr(self.steps)}.")
        if self.outcome not in OUTCOMES:
            raise ValueError(f"outcome is one of {', '.join(OUTCOMES)}, not {short_repr(self.outcome)}.")
        if not _is_whole(self.return_code) or self.return_code not in _INT64:
            raise ValueError(f"return_code is a whole number of 64 bits, not {short_repr(self.return_code)}.")
        if self.graceful is not None and not (_is_number(self.graceful) and 0 <= self.graceful <= MAX_DURATION):
            raise ValueError(
                f"graceful is a number of seconds from 0 to {MAX_DURATION:,.0f}, or None for no graceful shutdown, "
                f"not {short_repr(self.graceful)}."
            )
        object.__setattr__(self, "file_errors", _checked_paths(self.file_errors))
        object.__setattr__(self, "log", checked_log(self.log))

    @property
    def cancellable(self) -> bool:
        return self.outcome != "no-cancel"

    @property
    def length(self) -> int:
        """Nanoseconds from its beginning to its end."""
        return round(self.duration * 1e9)

    @property
    def graceful_length(self) -> int:
        """Nanoseconds that a graceful cancel takes; where the job knows none, those of any other."""
        return CANCEL_DURATION if self.graceful is None else round(self.graceful * 1e9)

    @property
    def lines(self) -> tuple[LogLine, ...]:
        return tuple(self.log)  # type: ignore[arg-type]  # they are lines since they were checked


@dataclass(frozen=True)
class State:
    """A simulated operation at one moment; times are nanoseconds since the epoch."""

    metadata: ExecuteProjectJobMetadata
    modified_at: int
    done: bool = False
    error: Status | None = None
    response: ExecuteProjectJobResponse | None = None


def state_at(
    simulation: Simulation, created_at: int, cancel_requested: int | None, now: int, cancel_ends: int | None = None
) -> State:
    """Compute the state of a simulated operation; times are nanoseconds since the epoch.

    ``cancel_ends`` is when the requested cancel is over; None: after `CANCEL_DURATION`.

    Between two changes the result is the same, ``modified_at`` included, and after the end it never changes. A ``now``
    before ``created_at`` (clocks are set back) counts as ``created_at``.
    """
    now = max(now, created_at)
    cancelled_at = _cancelled_at(simulation, created_at, cancel_requested)
    if cancelled_at is not None and now >= cancelled_at:
        end = cancelled_at + CANCEL_DURATION
        if cancel_ends is not None and cancelled_at == max(cancel_requested or 0, created_at):
            end = max(cancel_ends, cancelled_at)
        return _cancel(_progress_at(simulation, created_at, cancelled_at), cancelled_at, end, now)
    end = created_at + simulation.length
    state = _progress_at(simulation, created_at, now)
    if simulation.outcome == "failing" and now >= created_at + _failing_after(simulation):
        state = replace(state, error=_BROKEN)
    return state if now < end else _finish(simulation, state, end)


def stops_at(simulation: Simulation, created_at: int, cancel_requested: int | None) -> int:
    """Return when the program stops: at the end, or at a cancel."""
    cancelled_at = _cancelled_at(simulation, created_at, cancel_requested)
    return created_at + simulation.length if cancelled_at is None else cancelled_at


def _cancelled_at(simulation: Simulation, created_at: int, requested: int | None) -> int | None:
    moments = []
    if simulation.outcome == "cancelled":
        moments.append(created_at + simulation.length // 2)
    if requested is not None and simulation.cancellable and requested < created_at + simulation.length:
        moments.append(max(requested, created_at))
    return min(moments, default=None)


def _cancel(state: State, cancelled_at: int, end: int, now: int) -> State:
    if now < end:
        return replace(state, modified_at=cancelled_at, error=CANCELLING)
    return replace(state, modified_at=end, done=True, error=CANCELLED)


def _finish(simulation: Simulation, state: State, end: int) -> State:
    state = replace(state, modified_at=end, done=True)
    if simulation.outcome == "failure":
        return replace(state, error=_OVER_QUOTA)
    if simulation.outcome == "failing":
        return state
    result = JobResult(return_code=simulation.return_code)
    errors = file_errors_of(simulation)
    return replace(state, response=ExecuteProjectJobResponse(result=result, output_files_errors=errors))


def file_errors_of(simulation: Simulation) -> list[FileUploadError]:
    return [
        FileUploadError(output_file_desc=FileDesc(path=path), description="Simulated failure: the file was not found")
        for path in simulation.file_errors
    ]


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


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _checked_paths(paths: object) -> tuple[str, ...]:
    if isinstance(paths, (str, bytes)) or not isinstance(paths, Sequence) or len(paths) > _MAX_FILES:
        raise ValueError(f"file_errors is a list of at most {_MAX_FILES:,} paths, not {short_repr(paths)}.")
    for path in paths:
        if not isinstance(path, str) or not 1 <= len(path) <= _MAX_PATH or not path.isprintable():
            raise ValueError(
                f"A path in file_errors is a string of 1 to {_MAX_PATH} characters, not {short_repr(path)}."
            )
    return tuple(paths)


def _over_quota() -> Status:
    status = Status(code=code_pb2.RESOURCE_EXHAUSTED, message="Simulated failure: the quota of running jobs is used up")
    violation = QuotaFailure.Violation(subject="simulated", description="The limit on running jobs is exceeded")
    status.details.add().Pack(QuotaFailure(violations=[violation]))
    return status


_OVER_QUOTA = _over_quota()
_BROKEN = Status(code=code_pb2.INTERNAL, message="Simulated failure: an instance stopped answering")
