"""A token, and its absence: what every source of credentials gives; and which token is in use."""

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

_REMEMBERED = 8  # tokens: a call lasts for seconds, and a token for longer


class NoToken(Exception):
    """A source of credentials has no token to give; internal, its words are safe to print.

    Attributes:
        retryable: Whether the source was silent, or in trouble: later it may have one.
    """

    def __init__(self, words: str, *, retryable: bool = False) -> None:
        super().__init__(words)
        self.retryable = retryable


class SourceAbsent(NoToken):
    """There is no such source here, so that nothing is wrong with it."""


class TemporarilyUnavailable(Exception):
    """There are no fresh credentials now, and later there may be; internal.

    Attributes:
        error: What a user reads who cannot wait for that.
    """

    def __init__(self, error: OperationsError) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True)
class Token:
    """What goes along with each call. Its repr does not show it.

    Attributes:
        value: The token itself.
        lifetime: Seconds that were left of it when it was fetched; None where its source does not say.
        account: Whose it is, for example ``service account aje…``; empty where that is not known.
    """

    value: str = field(repr=False)
    lifetime: float | None = None
    account: str = ""

    @classmethod
    def checked(cls, value: object, lifetime: object = None, account: str = "") -> Token:
        """Make a token of what a source gave, whatever that is.

        Raises:
            NoToken: It is none that could be sent in a header.
        """
        value = value.strip() if isinstance(value, str) else ""
        if not value or not (value.isascii() and value.isprintable()) or " " in value:
            raise NoToken("what it gave is no token" if value else "it gave an empty token")
        known = float(lifetime) if isinstance(lifetime, (int, float)) and math.isfinite(lifetime) else None
        return cls(value, known, account)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The metadata of a call with it."""
        return (("authorization", f"Bearer {self.value}"),)


class Tokens:
    """The token in use, by its number, and the last few before it. May be used from any thread.

    The numbers tell the token that a call was made with from the one in use by the time that call is refused. They are
    never used twice, and a token that is given again keeps its own. None of it is ever pickled.

    Args:
        first: The token to begin with, number 0; None where one has yet to be fetched.
    """

    def __init__(self, first: Token | None = None) -> None:
        self._numbers = itertools.count()
        self._held = next(self._numbers), first
        self._given = deque([first.value] if first else [], _REMEMBERED)

    @property
    def held(self) -> tuple[int, Token | None]:
        """The number of the token in use, and that token."""
        return self._held

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The metadata of a call with the token in use."""
        token = self._held[1]
        return token.metadata if token else ()

    def use(self, token: Token) -> None:
        """Take a token into use."""
        number, held = self._held
        if held is None or held.value != token.value:
            number = next(self._numbers)
            self._given.append(token.value)
        self._held = number, token

    def redacted(self, words: str) -> str:
        """Return a service's words without the tokens that it was given, lately: a late refusal may quote any."""
        return redacted(words, *list(self._given))

    def without_secrets(self, answer: bytes, request: bytes) -> bytes:
        """Return a service's answer without these tokens; what the request itself holds, in its id, is no secret."""
        return overwritten(answer, *(token for token in list(self._given) if token.encode() not in request))

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, ("Tokens",)
