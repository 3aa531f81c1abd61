"""A token, the errors of a source that has none, and the token in use with those before it."""

from __future__ import annotations

import itertools
import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ds_ops_magic.connection.redaction import overwritten, redacted
from ds_ops_magic.util.public_names import restore

if TYPE_CHECKING:
    from ds_ops_magic.model.errors import OperationsError

BEARER, API_KEY = "Bearer", "Api-Key"
"""The schemes of the authorization header: of IAM tokens and any other token, and of API keys."""

_REMEMBERED = 8  # tokens: a call lasts for seconds, and a token for longer


class NoToken(Exception):
    """A source of credentials has no token to give; internal, its message is safe to print.

    Attributes:
        retryable: Whether it did not answer, or failed in a way that may pass: later it may have one.
    """

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class SourceAbsent(NoToken):
    """The source does not exist here, so that nothing is wrong with it."""


class TemporarilyUnavailable(Exception):
    """There are no fresh credentials now, and later there may be; internal.

    Attributes:
        error: What is raised to a user who cannot wait for that.
    """

    def __init__(self, error: OperationsError) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True)
class Token:
    """What goes along with each call. Its repr does not show it.

    Attributes:
        value: The token itself; empty where calls go without one.
        lifetime: Seconds that were left of it when it was fetched; None where its source does not say.
        account: Whose it is, for example ``service account aje…``; empty where that is not known.
        scheme: `BEARER` or `API_KEY`: what stands before it in the authorization header.
    """

    value: str = field(repr=False)
    lifetime: float | None = None
    account: str = ""
    scheme: str = BEARER

    @classmethod
    def checked(cls, value: object, lifetime: object = None, scheme: str = BEARER) -> Token:
        """Make a token of what a source gave, whatever that is; raise NoToken if it cannot be sent in a header."""
        value = value.strip() if isinstance(value, str) else ""
        if not value or not (value.isascii() and value.isprintable()) or " " in value:
            raise NoToken(f"what it gave is no {kind_of(scheme)}" if value else f"it gave an empty {kind_of(scheme)}")
        known = float(lifetime) if isinstance(lifetime, (int, float)) and math.isfinite(lifetime) else None
        return cls(value, known, scheme=scheme)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"{self.scheme} {self.value}"),) if self.value else ()


def kind_of(scheme: str) -> str:
    """Return what goes along in a scheme, in words."""
    return "API key" if scheme == API_KEY else "token"


class Tokens:
    """The token in use with its generation, and the last few before it. May be used from any thread.

    Generations tell the token that a call was made with from the one in use by the time that call is refused. They are
    never used twice, and a token that is given again keeps its own. No token is ever pickled.

    Args:
        first: The token to begin with, generation 0; None where one has yet to be fetched.
    """

    def __init__(self, first: Token | None = None) -> None:
        self._generations = itertools.count()
        self._current = next(self._generations), first
        self._recent = deque([first.value] if first else [], _REMEMBERED)

    @property
    def current(self) -> tuple[int, Token | None]:
        return self._current

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        token = self._current[1]
        return token.metadata if token else ()

    def use(self, token: Token) -> None:
        generation, current = self._current
        if current is None or current.value != token.value:
            generation = next(self._generations)
            self._recent.append(token.value)
        self._current = generation, token

    def redacted(self, message: str) -> str:
        """Return a service's message without the recent tokens: a late refusal may quote any of them."""
        return redacted(message, *list(self._recent))

    def without_secrets(self, answer: bytes, request: bytes) -> bytes:
        """Return a service's answer without these tokens; what the request itself holds, in its id, is no secret."""
        return overwritten(answer, *(token for token in list(self._recent) if token.encode() not in request))

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, ("Tokens",)
