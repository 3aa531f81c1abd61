"""`Operations`: a list of operations by outcome, and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ds_ops_magic.model.outcome import Status
from ds_ops_magic.util.public_names import PickledByName

if TYPE_CHECKING:
    import pandas as pd

    from ds_ops_magic.model.operation import Operation

SnapshotT = TypeVar("SnapshotT", bound="Operation | None")


class Operations(PickledByName, list[SnapshotT], Generic[SnapshotT]):
    """A list of operations in the order asked for; None stands for one that was never seen."""

    @property
    def succeeded(self) -> Operations[Operation]:
        """Those that succeeded."""
        return self._of(Status.SUCCEEDED)

    @property
    def failed(self) -> Operations[Operation]:
        """Those that ended without success: failed or cancelled."""
        return self._of(Status.FAILED, Status.CANCELLED)

    @property
    def running(self) -> Operations[Operation]:
        """Those that are not done: running or failing."""
        return self._of(Status.RUNNING, Status.FAILING)

    def to_frame(self) -> pd.DataFrame:
        """Return a pandas DataFrame, a row an operation that was seen; times are UTC, `elapsed` is in seconds.

        `error` is that of the service, or what became of the program; `return_code` is the exit code of a program
        that failed, else None.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import numpy
            import pandas
        except ImportError as error:
            raise ImportError("to_frame() needs pandas, which cannot be imported here: %pip install pandas") from error
        rows = [_row(operation) for operation in self if operation is not None]
        frame: pd.DataFrame = pandas.DataFrame(rows, columns=_COLUMNS, dtype=object).astype({"elapsed": "float64"})
        for name in ("created_at", "modified_at"):
            # In microseconds, as datetime has them: nanoseconds, pandas' own way, hold the years 1678 to 2261 only.
            moments = [row[name] and row[name].replace(tzinfo=None) for row in rows]
            column = pandas.Series(numpy.array(moments, dtype="datetime64[us]"), index=frame.index)
            frame[name] = column.dt.tz_localize("UTC")
        return frame

    def _of(self, *wanted: Status) -> Operations[Operation]:
        return Operations(found for found in self if found is not None and found.status in wanted)

    def __repr__(self) -> str:
        return f"Operations({super().__repr__()})"


_COLUMNS = ["id", "status", "description", "created_at", "created_by", "modified_at", "elapsed", "error", "return_code"]
_COMPUTED = ("status", "error", "return_code")


def _row(operation: Operation) -> dict[str, Any]:
    failure = operation.failure
    wrong = failure or operation.error  # an error may show before the end
    return {
        **{name: getattr(operation, name) for name in _COLUMNS if name not in _COMPUTED},
        "status": operation.status.value,
        "error": ": ".join(filter(None, (wrong.name, wrong.message))) if wrong else None,
        "return_code": failure.code if failure and failure.by == "program" else None,
    }
