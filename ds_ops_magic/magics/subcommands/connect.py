"""``%op connect``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ops_magic.magics.command_line import Subcommand, unquoted
from ds_ops_magic.magics.completion import variables
from ds_ops_magic.magics.targets import connection_target

if TYPE_CHECKING:
    import argparse

    from ds_ops_magic.client import OperationClient
    from ds_ops_magic.magics.invocation import Invocation


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target",
        nargs="?",
        help="local, yandex, HOST:PORT, unix:/PATH, or a variable or {an expression} with an address or an SDK "
        "object (yandexcloud, yandex-ai-studio-sdk, datasphere)",
    )
    parser.add_argument("--discovery", metavar="HOST", help="where another region says what its endpoints are")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--iam-token-env", metavar="NAME", help="environment variable that holds the token")
    source.add_argument("--api-key-env", metavar="NAME", help="environment variable that holds an API key")
    source.add_argument("--sa-key", metavar="FILE", type=unquoted, help="authorized key of a service account, JSON")
    source.add_argument("--profile", metavar="NAME", type=unquoted, help="profile of yc, which gives the token")
    parser.add_argument("--ca", metavar="FILE", type=unquoted, help="PEM file of the certificates to trust")


def _run(invocation: Invocation) -> OperationClient:
    options = invocation.options
    client = invocation.session.connect(
        connection_target(options.target, invocation.scope),
        rate=invocation.settings.rate,
        token_env=options.iam_token_env,
        api_key_env=options.api_key_env,
        sa_key=options.sa_key,
        profile=options.profile,
        discovery=options.discovery,
        ca=options.ca,
    )
    if not invocation.hidden:
        print(f"connected to {client.connection.endpoint} as {client.connection.identity}")
    invocation.session.displayed.append(client)
    return client


CONNECT = Subcommand(
    name="connect",
    arguments="[local | yandex | ENDPOINT | SDK_VARIABLE]",
    summary="connect; without it the first %op connects to Yandex Cloud",
    description="Connect to an OperationService.",
    add_arguments=_add_arguments,
    run=_run,
    complete=lambda namespace, ids: ["local", "yandex", *variables(namespace, {"AIStudio", "AsyncAIStudio", "SDK"})],
)
