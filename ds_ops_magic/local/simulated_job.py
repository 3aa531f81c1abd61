"""What the row of a simulated operation holds as text: the simulation, what was asked of its job since, and the log."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, dataclass, replace

from ds_ops_magic.local import simulated_log
from ds_ops_magic.local.errors import Damaged
from ds_ops_magic.local.simulation import Simulation
from ds_ops_magic.util.text import one_line

_LOG_MARK = "\n"  # before the JSON of the log, so that all else can be read without it
_CACHED = 1024


@dataclass(frozen=True)
class Requests:
    """What was asked of the job of a simulated operation; times are nanoseconds since the epoch.

    Attributes:
        waits: It is a clone, for which Execute was not called: there is no operation yet.
        cloned_at: When it was cloned; None: it is no clone.
        parent: The id of the job that it is a clone of.
        desc: What it is, in more words than the name.
        reason: Why it was cancelled.
        cancel_ends: When its cancel is over, if that was graceful.
    """

    waits: bool = False
    cloned_at: int | None = None
    parent: str = ""
    desc: str = ""
    reason: str = ""
    cancel_ends: int | None = None

    def __post_init__(self) -> None:
        times = (self.cloned_at, self.cancel_ends)
        texts = (self.parent, self.desc, self.reason)
        if not all(time is None or type(time) is int for time in times) or not all(type(t) is str for t in texts):
            raise ValueError("what was asked of a job is of another type than it should be")


_NOTHING = Requests()


@dataclass(frozen=True)
class SimulatedJob:
    """A simulation without its log, and what was asked of its job."""

    simulation: Simulation
    requests: Requests = _NOTHING

    def asked(self, **changes: object) -> SimulatedJob:
        return replace(self, requests=replace(self.requests, **changes))  # type: ignore[arg-type]


def text_of(job: SimulatedJob, log_text: str = "") -> str:
    """Make the text of a row; ``log_text`` as of `log_text_of`."""
    simulation = job.simulation
    values: dict[str, object] = {
        "duration": simulation.duration,
        "steps": simulation.steps,
        "outcome": simulation.outcome,
    }
    # What is not used is left out, so that earlier versions can read it: they may share the file.
    later = {
        "return_code": simulation.return_code or None,
        "graceful": simulation.graceful,
        "file_errors": simulation.file_errors or None,
        "requests": None if job.requests == _NOTHING else asdict(job.requests),
    }
    values |= {name: value for name, value in later.items() if value is not None}
    return f"{json.dumps(values)}{_LOG_MARK}{log_text}" if log_text else json.dumps(values)


def job_of(text: str) -> SimulatedJob:
    """Read what `text_of` made, without the log; raises `Damaged`."""
    try:
        return _job_of(without_log(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise Damaged(f"a simulated operation in it cannot be read ({one_line(str(error), 100)})") from error


def without_log(text: str) -> str:
    return text.partition(_LOG_MARK)[0]


def log_text_of(text: str) -> str:
    """Return the part of a text that is the log; empty where it has none."""
    return text.partition(_LOG_MARK)[2]


def log_to_text(simulation: Simulation) -> str:
    return simulated_log.to_json(simulation.lines) if simulation.log else ""


def log_of(log_text: str) -> tuple[simulated_log.LogLine, ...]:
    """Read a log; raises `Damaged`."""
    try:
        return simulated_log.from_json(log_text) if log_text else ()
    except (TypeError, ValueError, RecursionError) as error:
        raise Damaged(f"the log of a simulated operation in it cannot be read ({one_line(str(error), 100)})") from error


@functools.lru_cache(_CACHED)
def _job_of(values: str) -> SimulatedJob:
    read = json.loads(values)
    if not isinstance(read, dict):
        raise ValueError("it is no JSON object")
    requests = read.pop("requests", {})
    return SimulatedJob(Simulation(**read), Requests(**requests))
