"""A certificate authority for a test, and the credentials of a server on loopback that it vouches for."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Issues certificates; its own is in the file `ca`."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        self._certificate = self._signed(self._name, self._key).add_extension(constraints, critical=True)
        self.certificate = self._pem(self._certificate)
        self.ca = folder / f"{name}.pem"
        self.ca.write_bytes(self.certificate)

    def server(self, *hosts: str, alternative: bool = True) -> grpc.ServerCredentials:
        """Make the credentials of a server; arguments as of `pair`."""
        return grpc.ssl_server_credentials([self.pair(*hosts, alternative=alternative)])

    def files(self, folder: Path, *hosts: str) -> tuple[Path, Path]:
        """Make the certificate of a server and its key, as files in a folder."""
        private, certificate = self.pair(*hosts)
        names = (folder / "certificate.pem", folder / "key.pem")
        for path, content in zip(names, (certificate, private), strict=True):
            path.write_bytes(content)
        return names

    def pair(self, *hosts: str, alternative: bool = True) -> tuple[bytes, bytes]:
        """Make the key and the certificate of a server of these names and addresses; the first is its common name too.

        With `alternative` they are in the certificate as subjectAltName, where clients look for them.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        names = [
            x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host) for host in hosts
        ]
        built = self._signed(subject, key)
        if alternative:
            built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return private, self._pem(built)

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
        )

    def _pem(self, built: x509.CertificateBuilder) -> bytes:
        return built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
