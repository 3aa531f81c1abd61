"""Sources of credentials for Yandex Cloud: environment variables, the metadata service, ``yc``, keys.

To add one, write a subclass of `Source` with a `name`, an `identity` and `fetch`, and give it its place in
`default_sources`: they are tried in that order until the cloud accepts a token.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from ds_ops_magic.connection import programs, web
from ds_ops_magic.connection.files import UnreadableFile, read_file
from ds_ops_magic.connection.redaction import redacted
from ds_ops_magic.connection.tokens import API_KEY, BEARER, NoToken, SourceAbsent, Token, kind_of
from ds_ops_magic.util.public_names import PickledByName
from ds_ops_magic.util.text import duration, one_line, tidy

if TYPE_CHECKING:
    from ds_ops_magic.connection.yandex_api import Cloud

_METADATA_TIMEOUT = 1.0  # seconds

# The first holds an IAM token; the others either kind, as yc and Yandex's AI SDK use them.
_VARIABLES = ("YC_IAM_TOKEN", "YC_TOKEN", "YC_OAUTH_TOKEN")
_API_KEY_VARIABLE = "YC_API_KEY"  # as for Yandex's AI SDK

# What gRPC for Go, in which yc is written, says of a service that does not answer.
_YC_RETRYABLE = ("code = Unavailable", "code = DeadlineExceeded")


class Source(PickledByName):
    """A source of tokens.

    Attributes:
        name: What the user reads of it, for example ``$YC_IAM_TOKEN`` or ``yc iam create-token``.
        identity: Whose account it gives tokens of, where the token does not say.
        is_static: Whether it gives the same token until the user changes it.
    """

    name: str
    identity: str
    is_static = False

    @property
    def is_at_hand(self) -> bool:
        """Whether it has a token already, and would only have to be asked for it."""
        return False

    def fetch(self, cloud: Cloud, timeout: float) -> Token:
        """Get a token, in so many seconds at most, however much the source answers and however slowly. Blocks.

        The cloud's token service exchanges what is no IAM token yet.

        Raises:
            NoToken: It has none; SourceAbsent: it does not exist here.
            DiscoveryFailed: The token service is needed, and its address is not known.
        """
        raise NotImplementedError


class EnvironmentToken(Source):
    """A token in an environment variable, which is read anew each time; an OAuth token is exchanged for an IAM token.

    With `is_iam` it holds an IAM token in any case; else its prefix tells.
    """

    is_static = True

    def __init__(self, variable: str, *, is_iam: bool) -> None:
        self.name = f"${one_line(variable, 100)}"
        self.identity = f"the bearer of {self.name}"
        self._variable = variable
        self._is_iam = is_iam

    def fetch(self, cloud: Cloud, timeout: float) -> Token:
        token = read_variable(self._variable)
        # "t1." is how IAM tokens start: https://yandex.cloud/en/docs/iam/concepts/authorization/iam-token
        if self._is_iam or token.value.startswith("t1."):
            return token
        from yandex.cloud.iam.v1.iam_token_service_pb2 import CreateIamTokenRequest

        return cloud.iam_token(CreateIamTokenRequest(yandex_passport_oauth_token=token.value), timeout)


class ApiKey(Source):
    """An API key of a service account in an environment variable, which is read anew each time. It does not expire.

    Not every service of the cloud takes API keys.
    """

    is_static = True

    def __init__(self, variable: str) -> None:
        self.name = f"${one_line(variable, 100)}"
        self.identity = f"the service account of the API key in {self.name}"
        self._variable = variable

    @property
    def is_at_hand(self) -> bool:
        return bool(os.environ.get(self._variable, "").strip())

    def fetch(self, cloud: Cloud, timeout: float) -> Token:
        return read_variable(self._variable, API_KEY)


class MetadataService(Source):
    """The service account of the virtual machine, function or DataSphere project that this runs in.

    The protocol is that of Google Compute Engine; ``YC_METADATA_ADDR`` changes the address, as for ``yandexcloud``.
    It is never asked through a proxy, which would see the token.
    """

    identity = "the service account of this machine"

    def __init__(self) -> None:
        self._address = os.environ.get("YC_METADATA_ADDR", "").strip() or "169.254.169.254"
        self.name = f"the metadata service at {tidy(self._address, 60)}"

    def fetch(self, cloud: Cloud, timeout: float) -> Token:
        timeout = min(timeout, _METADATA_TIMEOUT)
        path = "/computeMetadata/v1/instance/service-accounts/default/token"
        try:
            status, body = web.get(self._address, path, {"Metadata-Flavor": "Google"}, timeout)
        except TimeoutError:
            raise SourceAbsent(f"no answer within {duration(timeout)}", retryable=True) from None
        except (OSError, http.client.HTTPException, ValueError, OverflowError) as error:
            message = one_line(getattr(error, "strerror", None) or type(error).__name__, 100)
            raise SourceAbsent(message, retryable=isinstance(error, (OSError, http.client.HTTPException))) from None
        if status != http.client.OK:
            message = f"HTTP {status}" + (", no service account here" if status == 404 else "")
            raise NoToken(message, retryable=status >= 500 or status == http.client.TOO_MANY_REQUESTS)
        fields = _json_object(body)
        return Token.checked(fields.get("access_token"), fields.get("expires_in"))


class CommandLine(Source):
    """``yc iam create-token``: Yandex Cloud's own command line, with one of its profiles, or with its current one."""

    def __init__(self, profile: str | None = None) -> None:
        shown = "" if profile is None else f" --profile {tidy(profile, 60)}"
        self.name = f"yc iam create-token{shown}"
        self.identity = "the account of " + (f"yc's profile {tidy(profile, 60)}" if profile else "yc")
        self._arguments = ["iam", "create-token", *(() if profile is None else ("--profile", profile))]

    def fetch(self, cloud: Cloud, timeout: float) -> Token:
        # Its installer puts it into the home folder, and on the PATH of shells that were started since.
        folders = (os.environ.get("PATH", os.defpath), os.path.expanduser("~/yandex-cloud/bin"))
        program = shutil.which("yc", path=os.pathsep.join(folders))
        if program is None:
            raise SourceAbsent("yc is not installed")
        # Without the tokens that yc would read itself.
        environment = {name: value for name, value in os.environ.items() if name not in _VARIABLES}
        try:
            completed = programs.run([program, *self._arguments], environment, timeout)
        except TimeoutError:
            raise NoToken(f"no answer within {duration(timeout)}", retryable=True) from None
        except programs.OutputTooLarge:
            raise NoToken("it printed more than 64 KB, and a token is one line") from None
        except (OSError, ValueError) as error:
            raise NoToken(f"yc cannot be run: {getattr(error, 'strerror', None) or type(error).__name__}") from None
        if completed.returncode != 0:
            last = completed.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            message = one_line(redacted(last), 200) or f"yc ended with code {completed.returncode}"
            raise NoToken(message, retryable=any(code in last for code in _YC_RETRYABLE))
        return Token.checked(completed.stdout.decode(errors="replace"))


class KeyFile(Source):
    """An authorized key of a service account, as ``yc iam key create --output FILE`` writes it.

    A JSON Web Token signed with it is exchanged for an IAM token. The file is read each time, and nothing of it kept.
    """

    identity = "a service account"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self.name = f"the key in {tidy(self._path, 100)}"

    def fetch(self, cloud: Cloud, timeout: float) -> Token:
        from yandexcloud.auth import get_auth_token_requester

        deadline = time.monotonic() + timeout
        try:
            key = _json_object(read_file(self._path))
        except UnreadableFile as error:
            raise NoToken(f"it cannot be read: {error}") from None
        try:
            requester: Any = get_auth_token_requester(service_account_key=key, endpoint=cloud.host)
            request = requester.get_token_request()
        except RuntimeError as error:  # of yandexcloud: which part is missing
            raise NoToken(one_line(redacted(str(error), str(key.get("private_key") or "")), 200)) from None
        except Exception as error:  # of cryptography, which cannot load it
            raise NoToken(f"its private key cannot be used ({type(error).__name__})") from None
        token = cloud.iam_token(request, deadline - time.monotonic())
        account = one_line(str(key["service_account_id"]), 60)
        return Token(token.value, token.lifetime, f"service account {account}")


def default_sources() -> list[Source]:
    """Return the sources that are tried: in the order of DataSphere's own command line, and an API key at last.

    It is set for calls of models, and must not displace the identity that jobs need.
    """
    return [
        *(EnvironmentToken(name, is_iam=name == "YC_IAM_TOKEN") for name in _VARIABLES),
        MetadataService(),
        CommandLine(),
        ApiKey(_API_KEY_VARIABLE),
    ]


def read_variable(name: str, scheme: str = BEARER) -> Token:
    """Return what an environment variable holds for a scheme; raise NoToken where it holds nothing that can be sent."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise SourceAbsent("unset or empty")
    try:
        return Token.checked(value, scheme=scheme)
    except NoToken:
        raise NoToken(f"set to what is no {kind_of(scheme)}") from None


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):  # its message would quote what it holds
        raise NoToken("what it holds is no JSON") from None
    if not isinstance(found, dict):
        raise NoToken("what it holds is no JSON object")
    return found
