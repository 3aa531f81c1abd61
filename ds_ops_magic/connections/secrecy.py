"""Keeps secrets out of what is shown: services and programs may repeat in their words what they were given."""

from __future__ import annotations

from ds_ops_magic.wording import HIDDEN, masked


def redacted(words: str, *secrets: str) -> str:
    """Return words without the given secrets, and without anything else that looks like a token.

    Args:
        words: Those of a service or a program.
        *secrets: What it was given; empty ones are ignored.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):  # one may begin with another
        words = words.replace(secret, HIDDEN)
    return masked(words)
