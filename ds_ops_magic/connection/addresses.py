"""Checks addresses: their form, and whether they are on this host, where alone plaintext is used."""

from __future__ import annotations

import ipaddress
from typing import Any

from ds_ops_magic.model.errors import NotConnected
from ds_ops_magic.util.text import one_line, tidy

_CONSOLES = {
    ".cloud.yandex.net": "datasphere.yandex.cloud",
    ".cloud-preprod.yandex.net": "datasphere-preprod.yandex.cloud",
}


def is_address(text: str) -> bool:
    """Tell whether a text is an address: ``unix:/path``, also with ``///``, or ``host:port``."""
    if text.startswith("unix:"):
        path = normalized(text).removeprefix("unix:")
        return path.startswith("/") and not path.startswith("//")
    host, _, port = text.rpartition(":")
    is_shown = text.isprintable() and tidy(text, len(text)) == text  # as it is, not only like another one
    return bool(host) and port.isdecimal() and is_shown and not set(text) & set(" /\\")


def normalized(address: str) -> str:
    """Return an address in the one form that is used: gRPC's ``unix:///path`` means the same as ``unix:/path``."""
    return address.replace("unix:///", "unix:/", 1) if address.startswith("unix:///") else address


def is_on_this_host(address: str) -> bool:
    """Tell whether an address is a unix socket or loopback."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def service_name(service_key: str) -> str:
    """Return what a service is called in a sentence: its address, or the cloud for an empty key."""
    return tidy(service_key, 100) or "Yandex Cloud"


def console_of(address: str) -> str:
    """Return the host of DataSphere's console for the cloud at an address; empty where that is none of Yandex Cloud.

    The hosts are those that DataSphere's own command line gives.
    """
    host = address.rpartition(":")[0].lower()
    return next((console for domain, console in _CONSOLES.items() if host.endswith(domain)), "")


def channel_options(address: str) -> tuple[tuple[str, Any], ...]:
    # With gRPC's transparent retries a port that sends each connection away with GOAWAY, as a draining proxy does,
    # makes it spin, and after some seconds abort the process (1.85). What fails is asked again by the table of codes.
    options = (("grpc.enable_retries", 0),)
    # Through a proxy it would not be this host.
    return (*options, ("grpc.enable_http_proxy", 0)) if is_on_this_host(address) else options


def check_host(text: str) -> str:
    """Return a text that names a host, with a port or without; raise NotConnected for anything else."""
    check_no_scheme(text)
    if is_address(text if ":" in text else f"{text}:443") and not text.startswith("unix:"):
        return text
    raise NotConnected(
        f"{one_line(text, 60)!r} is no host to ask for the endpoints of a cloud.",
        "Give a host, with a port where it is not 443, for example api.cloud.yandex.net",
    )


def check_no_scheme(text: str) -> None:
    """Raise NotConnected for a URL in place of an address: its scheme would be a way to ask for plaintext."""
    scheme, separator, rest = text.partition("://")
    if not separator or is_address(text):
        return
    address = tidy(rest.rstrip("/"), 60)
    why = f"{one_line(text, 60)!r} is a URL, and an address is wanted: host:port or unix:/path."
    if scheme.lower() in ("http", "grpc", "tcp") and not is_on_this_host(rest.rstrip("/")):
        why = (
            f"{one_line(text, 60)!r} asks for plaintext: anyone on the way could read the token. "
            "Plaintext is spoken on this host alone, to loopback and unix sockets."
        )
    if scheme.lower() == "unix":
        raise NotConnected(why, f"Give the whole path of the socket: %op connect unix:/{address.lstrip('/')}")
    raise NotConnected(why, f"Give the address alone; TLS is used by itself: %op connect {address}")
