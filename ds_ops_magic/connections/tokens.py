"""A token, and its absence: what every source of credentials gives."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


class NoToken(Exception):
    """A source of credentials has no token to give; internal, its words are safe to print."""


class NotThere(NoToken):
    """There is no such source here, so that nothing is wrong with it."""


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
