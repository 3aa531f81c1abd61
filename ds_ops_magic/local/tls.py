"""The certificate of a service that speaks TLS."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    import os

    import grpc


class TlsFiles(NamedTuple):
    """A certificate, with those of its issuers, and its key, in PEM."""

    certificate: Path
    key: Path


def tls_files(certificate: str | os.PathLike[str] | None, key: str | os.PathLike[str] | None) -> TlsFiles | None:
    """Return the files that were named; None for none, and ValueError for one alone."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ValueError("TLS takes both a certificate (tls_cert) and its key (tls_key), or neither.")
    return TlsFiles(Path(certificate).expanduser(), Path(key).expanduser())


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Read the files; raises OperationsError if they are no certificate and its key."""
    import grpc

    for path in files:
        try:
            path.read_bytes()
        except OSError as error:
            raise OperationsError(f"{tidy(str(path))} cannot be read: {error.strerror}.") from error
    try:
        # gRPC itself would say nothing more than that the port cannot be bound.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*files, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        certificate, key = (tidy(str(path)) for path in files)
        raise OperationsError(
            f"{certificate} and {key} are no certificate in PEM and its key, without a password."
        ) from error
    return grpc.ssl_server_credentials([(files.key.read_bytes(), files.certificate.read_bytes())])


def _no_password() -> str:
    raise ValueError("the key has a password")
