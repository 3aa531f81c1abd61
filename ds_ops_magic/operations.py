"""A list of operations: by outcome, and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ds_ops_magic.operation import Operation, Status

if TYPE_CHECKING:
    import pandas as pd

SnapshotT = TypeVar("SnapshotT", bound="Operation | None")


class Operations(list[SnapshotT], Generic[SnapshotT]):
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

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_frame() needs pandas, which cannot be imported here: %pip install pandas") from error
        rows = [_row(operation) for operation in self if operation is not None]
        frame: pd.DataFrame = pandas.DataFrame(rows, columns=_COLUMNS, dtype=object).astype(_TYPES)
        return frame

    def _of(self, *wanted: Status) -> Operations[Operation]:
        return Operations(found for found in self if found is not None and found.status in wanted)

    def __repr__(self) -> str:
        return f"Operations({super().__repr__()})"


_COLUMNS = ["id", "status", "description", "created_at", "created_by", "modified_at", "elapsed", "error"]

# In microseconds: those of datetime, whose years 1 to 9999 nanoseconds do not hold.
_UTC = "datetime64[us, UTC]"
_TYPES = {"created_at": _UTC, "modified_at": _UTC, "elapsed": "float64"}


def _row(operation: Operation) -> dict[str, Any]:
    error = ": ".join(filter(None, (operation.error.name, operation.error.message))) if operation.error else None
    fields = {name: getattr(operation, name) for name in _COLUMNS if name not in ("status", "error")}
    return {**fields, "status": operation.status.value, "error": error}
