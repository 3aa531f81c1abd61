"""Hides tokens in what services and programs answer: they may repeat what they were given."""

from __future__ import annotations

from ds_ops_magic.util.text import HIDDEN, masked

_SHORTEST = 4  # bytes of a secret that is looked for in data: shorter ones are in anything, and guessed in an hour


def redacted(text: str, *secrets: str) -> str:
    """Return a text without the given secrets, and without anything else that looks like a token."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):  # one may begin with another
        text = text.replace(secret, HIDDEN)
    return masked(text)


def overwritten(data: bytes, *secrets: str) -> bytes:
    """Return serialized data with the given secrets overwritten, each by as many bytes.

    So every length in a protobuf message stays right, also in payloads of unknown types. That such a run of bytes is no
    text there but lengths and tags is as likely as that somebody guesses the secret. Secrets are ASCII.
    """
    for secret in sorted(secrets, key=len, reverse=True):  # one may begin with another
        sought = secret.encode()
        if len(sought) >= _SHORTEST and sought in data:
            data = data.replace(sought, _mask(len(sought)))
    return data


def _mask(size: int) -> bytes:
    return (HIDDEN if size >= len(HIDDEN) else "").ljust(size, "*").encode()
