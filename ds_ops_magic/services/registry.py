"""What is known of single services, in one place: where a key is asked about, and how an operation is cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ops_magic.model.ids import JOB, OPERATION, key_of, split_key
from ds_ops_magic.model.sources import Services

if TYPE_CHECKING:
    from ds_ops_magic.model.operation import Operation
    from ds_ops_magic.model.sources import Call, CancelOptions, Source


class KnownServices(Services):
    """Every service that is known here; a further one gets its branch in each method."""

    def source(self, key: str) -> Source:
        if split_key(key)[0] != JOB:
            return super().source(key)
        from ds_ops_magic.services import jobs  # it imports stubs, which most operations do not need

        return jobs.SOURCE

    def other_key(self, key: str) -> str | None:
        """Return the key of the job with this id: the console shows job ids."""
        service, operation_id = split_key(key)
        job = key_of(JOB, operation_id)
        return job if service == OPERATION and split_key(job)[0] == JOB else None

    def cancel_call(self, operation: Operation, options: CancelOptions) -> Call | None:
        from ds_ops_magic.services import jobs

        return jobs.cancel_call(operation, options)
