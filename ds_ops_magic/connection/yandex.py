"""Yandex Cloud: the first source of credentials that it accepts, and a token that never runs out during a wait."""

from __future__ import annotations

import contextlib
import math
import time
from typing import TYPE_CHECKING, Any

from ds_ops_magic.connection.addresses import channel_options
from ds_ops_magic.connection.connection import Options, TokenConnection
from ds_ops_magic.connection.time_limit import Beside
from ds_ops_magic.connection.tokens import NoToken, SourceAbsent, TemporarilyUnavailable, Token, Tokens
from ds_ops_magic.connection.yandex_api import OPERATION, Cloud, DiscoveryFailed
from ds_ops_magic.model.errors import AuthenticationError, NotConnected, OperationsError
from ds_ops_magic.util.text import tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import grpc

    from ds_ops_magic.connection.credentials import Source

CONNECT_TIMEOUT = 2.0
"""Seconds that connecting may take, whatever has to be tried."""
REFRESH_TIMEOUT = 10.0
"""Seconds that getting a fresh token may take."""

_HEAD_START = 0.3  # seconds that a source has for itself before the next one is asked as well
_RENEW_AFTER = 3600.0  # a token lives 12 hours at most, and Yandex Cloud advises to get one every hour
_RENEW_AT = 0.9  # of a shorter life
_RENEW_AGAIN = 30.0  # seconds between two tries


class YandexConnection(TokenConnection):
    """Yandex Cloud's operation service, with a token that is renewed beside the calls, well before it runs out.

    Args:
        cloud: Where its services are.
        source: Where its tokens come from.
        token: The first of them; None gets one when the service first asks for it.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, cloud: Cloud, source: Source, token: Token | None, clock: Callable[[], float] = time.time
    ) -> None:
        self.endpoint = cloud.address(OPERATION, 0.0)
        account = token.account if token else ""
        named = source.name in source.identity
        self.identity = (account or source.identity) + ("" if named else f" ({source.name})")
        self.source = source.name
        self._cloud = cloud
        self._source = source
        self._clock = clock
        self._renewal: Beside[None] | None = None
        self._tokens = Tokens(token)
        self._renew_at = self._due(token)

    def channel(self, options: Options) -> grpc.aio.Channel:
        """Open a TLS channel; the token goes along with each call, and not with the channel."""
        import grpc

        options = (*options, *channel_options(self.endpoint))
        return grpc.aio.secure_channel(self.endpoint, self._cloud.credentials(), options=options)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the token as call metadata; when it is time for the next one, start to get that beside the calls."""
        if self._clock() >= self._renew_at and (self._renewal is None or self._renewal.ended_within(0)):
            self._renew_at = self._clock() + _RENEW_AGAIN
            with contextlib.suppress(OperationsError):  # of no more threads: the present token may do until then
                self._renewal = Beside(self._renew, "ds_ops_magic token")
        return super().metadata()

    def refresh(self, token_generation: int) -> None:
        """Get a fresh token, unless the one in use is another than the one that was refused.

        Raises:
            AuthenticationError: There is none, or it is the one that was refused.
            TemporarilyUnavailable: The source is silent, or cannot be asked now.
        """
        number, token = self._tokens.held
        if number != token_generation:
            return
        try:
            fresh = self._fetched()
        except (NoToken, DiscoveryFailed, TimeoutError) as error:
            why = AuthenticationError(
                f"Yandex Cloud refused the token, and there is no fresh one from {self.source}.",
                str(error),
                "The operations go on by themselves. When that is mended: %op connect, and wait again.",
            )
            # Discovery has answered long ago: a service that it did not name then is not there.
            silent = isinstance(error, TimeoutError) or (isinstance(error, NoToken) and error.retryable)
            raise TemporarilyUnavailable(why) if silent else why from None
        except OperationsError as error:  # no thread can be started
            raise TemporarilyUnavailable(error) from None
        if self.token_generation != token_generation:  # the renewal beside the calls was quicker
            return
        if token is not None and fresh.value == token.value:
            raise self._run_out()
        self._use(fresh)

    def _run_out(self) -> AuthenticationError:
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

    def _fetched(self) -> Token:
        return Beside(lambda: self._source.fetch(self._cloud, REFRESH_TIMEOUT)).result(REFRESH_TIMEOUT + 1.0)

    def _renew(self) -> None:
        """Get the next token. While that fails the present one stays, and it is tried again."""
        try:
            self._use(self._source.fetch(self._cloud, REFRESH_TIMEOUT))
        except (NoToken, DiscoveryFailed):
            return

    def _use(self, token: Token) -> None:
        self._tokens.use(token)
        self._renew_at = self._due(token)

    def _due(self, token: Token | None) -> float:
        """Return when the token after this one is to be fetched."""
        if token is None or (token.lifetime is None and self._source.is_static):
            return math.inf
        life = math.inf if token.lifetime is None else token.lifetime * _RENEW_AT
        return self._clock() + max(_RENEW_AGAIN, min(_RENEW_AFTER, life))

    def __getstate__(self) -> dict[str, Any]:
        # No token goes along; the first refusal has one fetched again.
        return {**vars(self), "_renewal": None, "_renew_at": math.inf}


def connect(
    cloud: Cloud, sources: Sequence[Source], seconds: float, clock: Callable[[], float] = time.time
) -> YandexConnection:
    """Connect with the first source whose token the operation service accepts.

    Args:
        cloud: Where.
        sources: In the order in which they are preferred.
        seconds: How long it may take, all in all.
        clock: Seconds since the epoch, for the renewal of the token.

    Raises:
        NotConnected: None was accepted: says what each said. Or nobody says where the services are.
        ServiceUnavailable: The operation service does not answer.
        OperationsError: No thread can be started.
    """
    deadline = time.monotonic() + seconds
    cloud.discover(seconds)
    tried: list[str] = []
    rejected_sources: list[str] = []
    for source, fetching in _in_turn(cloud, sources, deadline):
        try:
            token = fetching.result(deadline - time.monotonic())
            cloud.check(token, deadline - time.monotonic())
        except DiscoveryFailed as error:
            raise _no_discovery(cloud, source, str(error)) from None
        except (NoToken, TimeoutError) as error:
            said = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            tried.append(f"{source.name}: {said}")
            if not isinstance(error, SourceAbsent):
                rejected_sources.append(tried[-1])
            continue
        connection = YandexConnection(cloud, source, token, clock)
        connection.rejected_sources = tuple(rejected_sources)
        return connection
    raise _nothing_accepted(tried)


def _in_turn(cloud: Cloud, sources: Sequence[Source], deadline: float) -> Iterator[tuple[Source, Beside[Token]]]:
    """Yield what each source is about to give, in order; one that takes its time does not keep the next from starting.

    A metadata service that is not there takes a second to be silent, and `yc` needs about that long to answer.
    """
    begun: list[Beside[Token]] = []

    def begin() -> Beside[Token]:
        if len(begun) < len(sources):
            source, left = sources[len(begun)], deadline - time.monotonic()
            begun.append(Beside(lambda: source.fetch(cloud, max(0.0, left))))
        return begun[-1]

    for number, source in enumerate(sources):
        if number == len(begun):
            begin()
        if not begun[number].ended_within(_HEAD_START) and number + 1 == len(begun):
            with contextlib.suppress(OperationsError):  # no second thread: when this one has ended
                begin()
        yield source, begun[number]


def _no_discovery(cloud: Cloud, source: Source, words: str) -> NotConnected:
    return NotConnected(
        f"Yandex Cloud's endpoint discovery at {tidy(cloud.discovery, 100)} did not answer.",
        f"{words}; the credentials would have been: {source.name}",
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
        "Set YC_IAM_TOKEN, or name a key: %op connect --sa-key FILE; without a cloud at hand: %op connect local",
    )
