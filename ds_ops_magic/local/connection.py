"""The connection to the service of this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_ops_magic import local
from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.util.public_names import restore

if TYPE_CHECKING:
    from ds_ops_magic.local.service import LocalService


class LocalConnection(EndpointConnection):
    """A connection to the LocalService of this process, which is started if it is not, and outlives the connection.

    Attributes:
        service: That service.
    """

    service: LocalService

    def __init__(self) -> None:
        self.service = local.shared()
        super().__init__(self.service.address)
        self.identity = "the owner of this process"

    @property
    def service_key(self) -> str:
        """The same for every process, whose service has another address each time."""
        return "local"

    def stop_service(self) -> None:
        """Stop the service of this process, also for other clients; its operations stay in its file."""
        local.close_shared()

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, ("LocalConnection",)  # of the process that unpickles it
