"""Where credentials for Yandex Cloud come from: the environment, the machine, its command line, a key file."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from ds_ops_magic.connection import programs, web
from ds_ops_magic.connection.files import Unreadable, contents
from ds_ops_magic.connection.redaction import redacted
from ds_ops_magic.connection.tokens import NoToken, SourceAbsent, Token
from ds_ops_magic.util.public_names import PickledByName
from ds_ops_magic.util.text import duration, one_line, tidy

if TYPE_CHECKING:
    from ds_ops_magic.connection.yandex_api import Cloud

IAM_VARIABLES = ("YC_IAM_TOKEN",)
MIXED_VARIABLES = ("YC_TOKEN", "YC_OAUTH_TOKEN")
"""Variables that may hold either kind of token, as `yc` and Yandex's AI SDK use them."""
METADATA_TIMEOUT = 1.0
"""Seconds that the metadata service may take."""

# yc is written in Go, whose gRPC words its errors like this.
_SILENCE_OF_YC = ("code = Unavailable", "code = DeadlineExceeded")


class Source(PickledByName):
    """One place that credentials come from.

    Attributes:
        name: What it is, in words.
        identity: As whom it lets one in, where the token does not say.
        is_static: Whether it gives the same token until somebody puts another one there.
    """

    name: str
    identity: str
    is_static = False

    def fetch(self, cloud: Cloud, seconds: float) -> Token:
        """Get a token. Blocks, for about so many seconds at most, however much comes and however slowly.

        Raises:
            NoToken: There is none to be had.
            DiscoveryFailed: One would have to be exchanged, and nobody knows where.
        """
        raise NotImplementedError


class EnvironmentToken(Source):
    """A token in an environment variable, which is read anew each time.

    Args:
        variable: Its name.
        is_iam: Whether it holds an IAM token in any case; else its prefix tells.
    """

    is_static = True

    def __init__(self, variable: str, *, is_iam: bool) -> None:
        self.name = f"${one_line(variable, 100)}"
        self.identity = f"the bearer of {self.name}"
        self._variable = variable
        self._is_iam = is_iam

    def fetch(self, cloud: Cloud, seconds: float) -> Token:
        """Read the variable; an OAuth token is exchanged for an IAM token."""
        given = read_variable(self._variable)
        # "t1." is how IAM tokens start: https://yandex.cloud/en/docs/iam/concepts/authorization/iam-token
        if self._is_iam or given.value.startswith("t1."):
            return given
        from yandex.cloud.iam.v1.iam_token_service_pb2 import CreateIamTokenRequest

        return cloud.iam_token(CreateIamTokenRequest(yandex_passport_oauth_token=given.value), seconds)


class MetadataService(Source):
    """The service account of the virtual machine, function or DataSphere project that this runs in.

    The protocol is that of Google Compute Engine; ``YC_METADATA_ADDR`` changes the address, as for ``yandexcloud``.
    """

    identity = "the service account of this machine"

    def __init__(self) -> None:
        self._address = os.environ.get("YC_METADATA_ADDR", "").strip() or "169.254.169.254"
        self.name = f"the metadata service at {tidy(self._address, 60)}"

    def fetch(self, cloud: Cloud, seconds: float) -> Token:
        """Ask for the token of the default service account; never through a proxy, which would see it."""
        seconds = min(seconds, METADATA_TIMEOUT)
        path = "/computeMetadata/v1/instance/service-accounts/default/token"
        try:
            status, said = web.get(self._address, path, {"Metadata-Flavor": "Google"}, seconds)
        except TimeoutError:
            raise SourceAbsent(f"no answer within {duration(seconds)}", retryable=True) from None
        except (OSError, http.client.HTTPException, ValueError, OverflowError) as error:
            words = one_line(getattr(error, "strerror", None) or type(error).__name__, 100)
            raise SourceAbsent(words, retryable=isinstance(error, (OSError, http.client.HTTPException))) from None
        if status != http.client.OK:
            words = f"HTTP {status}" + (", no service account here" if status == 404 else "")
            raise NoToken(words, retryable=status >= 500 or status == http.client.TOO_MANY_REQUESTS)
        answered = _json_object(said)
        return Token.checked(answered.get("access_token"), answered.get("expires_in"))


class CommandLine(Source):
    """``yc iam create-token``: Yandex Cloud's own command line, as whoever is logged in there.

    Args:
        profile: Name of one of its profiles; its current one when None.
    """

    def __init__(self, profile: str | None = None) -> None:
        shown = "" if profile is None else f" --profile {tidy(profile, 60)}"
        self.name = f"yc iam create-token{shown}"
        self.identity = "the account of " + (f"yc's profile {tidy(profile, 60)}" if profile else "yc")
        self._words = ["iam", "create-token", *(() if profile is None else ("--profile", profile))]

    def fetch(self, cloud: Cloud, seconds: float) -> Token:
        """Run it, with no terminal to ask anything on, and without the tokens that yc would read itself."""
        # Its installer puts it into the home folder, and on the PATH of shells that were started since.
        places = (os.environ.get("PATH", os.defpath), os.path.expanduser("~/yandex-cloud/bin"))
        program = shutil.which("yc", path=os.pathsep.join(places))
        if program is None:
            raise SourceAbsent("yc is not installed")
        environment = {
            name: value for name, value in os.environ.items() if name not in (*IAM_VARIABLES, *MIXED_VARIABLES)
        }
        try:
            ended = programs.run([program, *self._words], environment, seconds)
        except TimeoutError:
            raise NoToken(f"no answer within {duration(seconds)}", retryable=True) from None
        except programs.TooMuch:
            raise NoToken("it printed more than 64 KB, and a token is one line") from None
        except (OSError, ValueError) as error:
            raise NoToken(f"yc cannot be run: {getattr(error, 'strerror', None) or type(error).__name__}") from None
        if ended.code != 0:
            last = ended.complaint.decode(errors="replace").strip().rpartition("\n")[2]
            words = one_line(redacted(last), 200) or f"yc ended with code {ended.code}"
            raise NoToken(words, retryable=any(code in last for code in _SILENCE_OF_YC))
        return Token.checked(ended.output.decode(errors="replace"))


class KeyFile(Source):
    """An authorized key of a service account, as ``yc iam key create --output FILE`` writes it.

    Args:
        path: The file. It is read each time, and nothing of it is kept.
    """

    identity = "a service account"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self.name = f"the key in {tidy(self._path, 100)}"

    def fetch(self, cloud: Cloud, seconds: float) -> Token:
        """Sign a JSON Web Token with the key, and exchange it for an IAM token."""
        from yandexcloud.auth import get_auth_token_requester

        deadline = time.monotonic() + seconds
        try:
            key = _json_object(contents(self._path))
        except Unreadable as error:
            raise NoToken(f"it cannot be read: {error}") from None
        try:
            requester: Any = get_auth_token_requester(service_account_key=key, endpoint=cloud.host)
            request = requester.get_token_request()
        except RuntimeError as error:  # the words of yandexcloud: which part is missing
            raise NoToken(one_line(redacted(str(error), str(key.get("private_key") or "")), 200)) from None
        except Exception as error:  # of cryptography, which cannot load it
            raise NoToken(f"its private key cannot be used ({type(error).__name__})") from None
        token = cloud.iam_token(request, deadline - time.monotonic())
        account = one_line(str(key["service_account_id"]), 60)
        return Token(token.value, token.lifetime, f"service account {account}")


def default_sources() -> list[Source]:
    """Return the sources in the order of DataSphere's own command line."""
    return [
        *(EnvironmentToken(name, is_iam=True) for name in IAM_VARIABLES),
        *(EnvironmentToken(name, is_iam=False) for name in MIXED_VARIABLES),
        MetadataService(),
        CommandLine(),
    ]


def read_variable(name: str) -> Token:
    """Return the token that an environment variable holds.

    Raises:
        NoToken: It holds none that can be sent.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        raise SourceAbsent("unset or empty")
    try:
        return Token.checked(value)
    except NoToken:
        raise NoToken("set to what is no token") from None


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):  # its words would quote what it holds
        raise NoToken("what it holds is no JSON") from None
    if not isinstance(found, dict):
        raise NoToken("what it holds is no JSON object")
    return found
