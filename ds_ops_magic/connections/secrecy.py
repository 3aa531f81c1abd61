"""Keeps tokens out of what is shown: services and programs may repeat in their words what they were given."""

from __future__ import annotations

import re

# IAM tokens and OAuth tokens by their prefixes (IAM: the format that Yandex Cloud documents, with room for a change of
# its lengths), JSON Web Tokens, and whatever follows the word of an authorization header.
_TOKENS = re.compile(
    r"\bt1\.[\w.=+/-]{6,}|\by[0-9]_[\w-]{10,}|\bAQ[\w-]{30,}|\beyJ[\w-]+\.[\w.-]+|(?<=Bearer )[\w.=+/-]{16,}",
    re.ASCII | re.IGNORECASE,
)
HIDDEN = "(token)"
"""What stands in place of a token."""


def redacted(words: str, *secrets: str) -> str:
    """Return words without the given secrets, and without anything else that looks like a token.

    Args:
        words: Those of a service or a program.
        *secrets: What it was given; empty ones are ignored.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):  # one may begin with another
        words = words.replace(secret, HIDDEN)
    return _TOKENS.sub(HIDDEN, words)
