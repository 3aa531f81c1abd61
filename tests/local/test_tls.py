"""A service that speaks TLS, and certificates that it cannot use."""

from __future__ import annotations

import grpc
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ds_ops_magic.local import LocalService
from ds_ops_magic.model.errors import OperationsError
from tests.support.certificates import Authority
from tests.support.local_service import DEADLINE, Caller, status_of


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def files(authority, tmp_path):
    return authority.files(tmp_path, "localhost", "127.0.0.1")


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:0"])
def test_tls(authority, files, listen):
    with LocalService(listen=listen, tls_cert=files[0], tls_key=str(files[1])) as service:
        operation = service.simulate(0)
        credentials = grpc.ssl_channel_credentials(authority.certificate)
        with grpc.secure_channel(service.address, credentials) as channel:
            assert Caller(service.address, channel=channel).get(operation.id) == operation
        with grpc.insecure_channel(service.address) as channel:
            code, _ = status_of(Caller(service.address, channel=channel).get, operation.id)
            assert code is grpc.StatusCode.UNAVAILABLE, "and nothing else"


@pytest.mark.parametrize("missing", ["tls_cert", "tls_key"])
def test_one_alone(files, missing):
    named = {"tls_cert": files[0], "tls_key": files[1]} | {missing: None}
    with pytest.raises(ValueError, match=r"^TLS takes both a certificate \(tls_cert\) and its key \(tls_key\)"):
        LocalService(**named)


def password(path):
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )


def other_key(path):
    path.write_bytes(Authority(path.parent, "other").pair("localhost")[0])


@pytest.mark.parametrize(
    ("spoiled", "spoil", "why"),
    [
        (0, lambda path: path.unlink(), "certificate.pem cannot be read: No such file or directory."),
        (1, lambda path: path.unlink(), "key.pem cannot be read: No such file or directory."),
        (1, lambda path: (path.unlink(), path.mkdir()), "key.pem cannot be read: Is a directory."),
        (0, lambda path: path.write_text("nonsense"), "are no certificate in PEM and its key, without a password."),
        (0, lambda path: path.write_bytes(b""), "are no certificate in PEM and its key, without a password."),
        (1, lambda path: path.write_bytes(b"\xff\x00"), "are no certificate in PEM and its key, without a password."),
        (1, other_key, "are no certificate in PEM and its key, without a password."),
        (1, password, "are no certificate in PEM and its key, without a password."),
    ],
)
def test_files_that_cannot_be_used(files, spoiled, spoil, why):
    spoil(files[spoiled])
    service = LocalService(listen="127.0.0.1:0", tls_cert=files[0], tls_key=files[1])
    with pytest.raises(OperationsError) as caught:
        service.start()
    assert str(caught.value).endswith(why)
    assert "\n" not in str(caught.value)
    assert not service.started


def test_certificate_is_read_at_each_start(authority, files, tmp_path):
    service = LocalService(listen="127.0.0.1:0", tls_cert=files[0], tls_key=files[1])
    for _ in range(2):
        with service:
            credentials = grpc.ssl_channel_credentials(authority.certificate)
            with grpc.secure_channel(service.address, credentials) as channel:
                grpc.channel_ready_future(channel).result(DEADLINE)
        authority = Authority(tmp_path, "renewed")
        authority.files(tmp_path, "localhost", "127.0.0.1")
