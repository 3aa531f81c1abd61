"""The file that ``%op logs --to`` writes."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.util.text import counted, tidy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ds_ops_magic.model.log_line import Batch


class LogFile:
    """Takes lines as they came, into a file beside the one it is to be; however it ends, that gets its name.

    Args:
        name: The name; a file of that name is replaced.

    Attributes:
        lines: Lines that were written.

    Raises:
        UsageError: It is a folder, or cannot be made.
    """

    def __init__(self, name: str) -> None:
        target = Path(name).expanduser()
        self.path = tidy(str(target), 300)
        self.lines = 0
        if target.is_dir():
            raise UsageError(f"%op logs: {self.path} is a folder: name a file in it.")
        try:
            descriptor, self._written = tempfile.mkstemp(".part", f".{target.name[:100]}.", target.parent)
        except OSError as error:
            raise UsageError(f"%op logs: {self.path} cannot be written: {_reason(error)}.") from None
        self._target = target
        self._file = os.fdopen(descriptor, "wb")

    def __enter__(self) -> LogFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._file.close()
        except OSError as error:
            if kind is None:
                raise self._failed(error) from None
        finally:
            self._keep()

    def write(self, batches: Iterable[Batch]) -> None:
        """Write lines.

        Raises:
            OperationsError: The disk is full, or fails; what was written before is kept.
        """
        try:
            for batch in batches:
                self._file.write(batch.data)
                self.lines += batch.number
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> OperationsError:
        return OperationsError(
            f"{self.path} could not be written to its end: {_reason(error)}.",
            f"What came before, about {counted(self.lines, 'line')}, is there; the operation itself is as it was.",
        )

    def _keep(self) -> None:
        with contextlib.suppress(OSError):
            os.replace(self._written, self._target)


def _reason(error: OSError) -> str:
    return tidy(error.strerror or type(error).__name__, 100)
