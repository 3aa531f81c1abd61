"""A connection to services at several addresses."""

from __future__ import annotations

from typing import Any

import grpc

from ds_ops_magic import OperationsError
from ds_ops_magic.connection.connection import EndpointConnection
from ds_ops_magic.model.ids import OPERATION


class Cloud(EndpointConnection):
    """Services at several addresses, by their ids in endpoint discovery."""

    def __init__(self, **addresses: str) -> None:
        super().__init__(addresses[OPERATION])
        self._addresses = addresses

    def address_of(self, service: str) -> str:
        name = service.replace("-", "_")
        if name not in self._addresses:
            raise OperationsError(f"There is no service {service!r}.")
        return self._addresses[name]

    def channel(self, options: Any, service: str = OPERATION) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self.address_of(service), options=options)
