"""Connects to Yandex Cloud with the first source of credentials that it accepts, and renews the token."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from typing import TYPE_CHECKING, Any

from ds_ops_magic.connection.background import in_background
from ds_ops_magic.connection.connection import Options, TokenConnection, no_such_service
from ds_ops_magic.connection.tokens import (
    API_KEY,
    BEARER,
    NoToken,
    SourceAbsent,
    TemporarilyUnavailable,
    Token,
    Tokens,
    kind_of,
)
from ds_ops_magic.connection.yandex_api import Cloud, DiscoveryFailed, NoSuchService
from ds_ops_magic.model.errors import AuthenticationError, NotConnected, OperationsError
from ds_ops_magic.model.ids import OPERATION
from ds_ops_magic.util.text import duration, one_line, tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import grpc

    from ds_ops_magic.connection.credentials import Source
    from ds_ops_magic.util.pending import Pending

CONNECT_TIMEOUT = 2.0
"""Seconds that connecting may take, however many sources are tried."""
REFRESH_TIMEOUT = 10.0
"""Seconds that getting a fresh token may take."""

_HEAD_START = 0.3  # seconds that a source has for itself before the next one is asked as well
_RESERVE = 0.5  # seconds that are kept for a later source whose token is at hand: yc may wait for a browser
_RENEWAL_INTERVAL = 3600.0  # a token lives 12 hours at most, and Yandex Cloud advises to get one every hour
_RENEWAL_FRACTION = 0.9  # of a shorter lifetime
_RENEWAL_RETRY_INTERVAL = 30.0

_log = logging.getLogger(__name__)


class YandexConnection(TokenConnection):
    """Yandex Cloud's operation service, with a token that is renewed in the background before it expires."""

    def __init__(self, cloud: Cloud, source: Source, token: Token, clock: Callable[[], float]) -> None:
        self.endpoint = cloud.address(OPERATION, 0.0)
        suffix = "" if source.name in source.identity else f" ({source.name})"
        self.identity = (token.account or source.identity) + suffix
        self.source = source.name
        self._cloud = cloud
        self._source = source
        self._clock = clock
        self._renewal: Pending[None] | None = None
        self._tokens = Tokens(token)
        self._renew_at = self._renewal_time(token)

    def address_of(self, service: str) -> str:
        if service == OPERATION:
            return self.endpoint
        try:
            return self._cloud.address(service, 0.0)  # discovery has answered while connecting
        except NoSuchService:
            raise no_such_service(service, self._cloud.name) from None
        except DiscoveryFailed as error:
            shown = one_line(service, 60)
            raise OperationsError(
                f"The address of the service {shown!r} is not known: endpoint discovery at "
                f"{tidy(self._cloud.discovery, 100)} did not answer ({error})."
            ) from None

    def channel(self, options: Options, service: str = OPERATION) -> grpc.aio.Channel:
        return self._cloud.open_channel(self.address_of(service), options)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the token as call metadata; when it is time for the next one, fetch that in the background."""
        if self._clock() >= self._renew_at and (self._renewal is None or self._renewal.ended_within(0)):
            self._renew_at = self._clock() + _RENEWAL_RETRY_INTERVAL
            with contextlib.suppress(OperationsError):  # of no more threads: the present token may do until then
                self._renewal = in_background(self._renew, "ds_ops_magic token")
        return super().metadata()

    def refresh(self, token_generation: int) -> None:
        current, token = self._tokens.current
        if current != token_generation:
            return
        try:
            fresh = self._fetch()
        except (NoToken, DiscoveryFailed) as error:
            _log.debug("no fresh token from %s: %s", self.source, error)
            refused = AuthenticationError(
                f"Yandex Cloud refused the {kind_of(token.scheme if token else BEARER)}, "
                f"and there is no fresh one from {self.source}.",
                str(error),
                "The operations go on by themselves. When that is mended: %op connect, and wait again.",
            )
            # Discovery has answered long ago: a service that it did not name then is not there.
            retryable = isinstance(error, NoToken) and error.retryable
            raise TemporarilyUnavailable(refused) if retryable else refused from None
        except OperationsError as error:  # no thread can be started
            raise TemporarilyUnavailable(error) from None
        if self.token_generation != token_generation:  # the renewal in the background was quicker
            return
        if token is not None and fresh.value == token.value:
            raise self._same_token(fresh)
        self._use(fresh)

    def _same_token(self, token: Token) -> AuthenticationError:
        if token.scheme == API_KEY:
            return AuthenticationError(
                f"Yandex Cloud refused the API key in {self.source}: it was deleted, or this service takes none.",
                "Use YC_IAM_TOKEN instead, or: %op connect --sa-key FILE, or %op connect --profile NAME",
                "The operations go on by themselves; then wait again.",
            )
        if not self._source.is_static:
            return AuthenticationError(
                f"Yandex Cloud refused the token from {self.source}, which has no other one.",
                "The operations go on by themselves. With other credentials: %op connect, and wait again.",
            )
        return AuthenticationError(
            f"Yandex Cloud refused the token in {self.source}: it has run out (they live 12 hours at most), "
            "or was revoked.",
            f"Put a fresh one there: os.environ[{self.source[1:]!r}] = getpass.getpass()",
            "The operations go on by themselves; then wait again.",
        )

    def _fetch(self) -> Token:
        pending = in_background(lambda: self._source.fetch(self._cloud, REFRESH_TIMEOUT))
        try:
            return pending.result(REFRESH_TIMEOUT + 1.0)
        except TimeoutError:
            raise NoToken(f"no answer within {duration(REFRESH_TIMEOUT + 1.0)}", retryable=True) from None

    def _renew(self) -> None:
        try:
            self._use(self._source.fetch(self._cloud, REFRESH_TIMEOUT))
        except (NoToken, DiscoveryFailed) as error:  # the present token stays in use
            _log.debug("no renewed token from %s: %s", self.source, error)

    def _use(self, token: Token) -> None:
        self._tokens.use(token)
        self._renew_at = self._renewal_time(token)
        _log.debug("took a fresh token from %s; %s", self.source, _lifetime(token))

    def _renewal_time(self, token: Token) -> float:
        if token.lifetime is None and self._source.is_static:
            return math.inf
        usable = math.inf if token.lifetime is None else token.lifetime * _RENEWAL_FRACTION
        return self._clock() + max(_RENEWAL_RETRY_INTERVAL, min(_RENEWAL_INTERVAL, usable))

    def __getstate__(self) -> dict[str, Any]:
        # No token goes along; the first refusal has one fetched again.
        return {**vars(self), "_renewal": None, "_renew_at": math.inf, "verified": False}


def connect(
    cloud: Cloud, sources: Sequence[Source], timeout: float, clock: Callable[[], float] = time.time
) -> YandexConnection:
    """Connect with the first source whose token the operation service accepts, within the timeout in seconds.

    Raises:
        NotConnected: No source was accepted: says why of each. Or endpoint discovery does not answer.
        ServiceUnavailable: The operation service does not answer.
        OperationsError: No thread can be started.
    """
    deadline = time.monotonic() + timeout
    cloud.discover(timeout)
    tried: list[str] = []
    rejected_sources: list[str] = []
    for number, (source, pending) in enumerate(_fetch_in_turn(cloud, sources, deadline)):
        reserve = _RESERVE if any(later.is_at_hand for later in sources[number + 1 :]) else 0.0
        try:
            token = pending.result(deadline - reserve - time.monotonic())
            verified = cloud.check(token, deadline - time.monotonic())
        except DiscoveryFailed as error:
            raise _no_discovery(cloud, source, str(error)) from None
        except (NoToken, TimeoutError) as error:
            message = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            _log.debug("tried %s: %s", source.name, message)
            tried.append(f"{source.name}: {message}")
            if not isinstance(error, SourceAbsent):
                rejected_sources.append(tried[-1])
            continue
        _log.debug("tried %s: accepted; %s", source.name, _lifetime(token))
        connection = YandexConnection(cloud, source, token, clock)
        connection.rejected_sources, connection.verified = tuple(rejected_sources), verified
        return connection
    raise _nothing_accepted(tried)


def _fetch_in_turn(cloud: Cloud, sources: Sequence[Source], deadline: float) -> Iterator[tuple[Source, Pending[Token]]]:
    """Yield each source with the token to come from it, in order. A slow one does not keep the next from starting.

    A metadata service that is not there takes a second to be silent, and `yc` needs about that long to answer.
    """
    started: list[Pending[Token]] = []

    def start_next() -> None:
        if len(started) < len(sources):
            source, left = sources[len(started)], deadline - time.monotonic()
            started.append(in_background(lambda: source.fetch(cloud, max(0.0, left))))

    for number, source in enumerate(sources):
        if number == len(started):
            start_next()
        if not started[number].ended_within(_HEAD_START) and number + 1 == len(started):
            with contextlib.suppress(OperationsError):  # no second thread: when this one has ended
                start_next()
        yield source, started[number]


def _lifetime(token: Token) -> str:
    return "its lifetime is not known" if token.lifetime is None else f"it lives for {duration(token.lifetime)}"


def _no_discovery(cloud: Cloud, source: Source, message: str) -> NotConnected:
    return NotConnected(
        f"Yandex Cloud's endpoint discovery at {tidy(cloud.discovery, 100)} did not answer.",
        f"{message}; the credentials would have been: {source.name}",
        "Check the network, --discovery and --ca; without a cloud at hand: %op connect local",
    )


def _nothing_accepted(tried: Sequence[str]) -> NotConnected:
    if len(tried) == 1:
        return NotConnected(
            f"Not connected to Yandex Cloud by {tried[0]}.",
            "With other credentials: %op connect --help; without a cloud at hand: %op connect local",
        )
    return NotConnected(
        "Not connected to Yandex Cloud: none of its credentials were accepted. In this order:",
        "; ".join(tried) + ".",
        "Set YC_IAM_TOKEN, or name a key or a profile of yc: %op connect --sa-key FILE, %op connect --profile NAME; "
        "without a cloud at hand: %op connect local",
    )
