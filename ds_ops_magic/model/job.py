"""`Job`: what stands for a DataSphere job by its own id."""

from __future__ import annotations

from dataclasses import dataclass

from ds_ops_magic.model.ids import JOB, key_of
from ds_ops_magic.util.public_names import PickledByName


@dataclass(frozen=True)
class Job(PickledByName):
    """A DataSphere job by its job id, as the console shows it; what takes an operation takes this too.

    Attributes:
        id: The id of the job, which is not that of an operation.
    """

    id: str

    @property
    def key(self) -> str:
        """The job as a text that stands for it: ``job:ID``."""
        return key_of(JOB, self.id)
