"""``python -m ds_ops_magic.local``: the service in a process of its own."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ds_ops_magic.local.service import LocalService

_DEMO = (
    ("success", 20.0, 5, "Train a model"),
    ("failure", 15.0, 3, "Start more jobs than the quota allows"),
    ("failing", 30.0, 10, "Train on an instance that breaks down"),
    ("cancelled", 10.0, 4, "Run a job that someone else cancels"),
    ("no-cancel", 60.0, 12, "Copy a bucket"),
)

_DEMO_LOG: tuple[str | tuple[str, str], ...] = (
    "loading the data set",
    *(f"epoch {epoch} of 8, loss {2 / epoch:.2f}" for epoch in range(1, 7)),
    (".system.log", "memory: 97% of 64 GB"),
    ("stderr", "Killed"),
)

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ABOUT = (
    "A yandex.cloud.operation.OperationService on a SQLite file, and DataSphere's ProjectJobService for the same jobs, "
    "until SIGINT or SIGTERM. It listens on loopback or a unix socket only, and requires a bearer token that it writes "
    "to a file."
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM, and return the exit code: 0, or 1 when the service cannot be started.

    Bad arguments exit with 2.
    """
    # Before there are other threads, which inherit it: a signal then waits for `sigwait`, and interrupts no lock.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    parser = _parser()
    options = parser.parse_args(arguments)
    # Not before the signals are blocked: this import is most of the startup time.
    from ds_ops_magic.model.errors import OperationsError

    try:
        _serve(parser, options)
    except OperationsError as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 1
    return 0


def _parser() -> _Parser:
    parser = _Parser(prog="python -m ds_ops_magic.local", description=_ABOUT, allow_abbrev=False)
    parser.add_argument(
        "--listen",
        default="127.0.0.1:0",
        metavar="ADDR",
        help="unix:PATH or 127.0.0.1:PORT (0: any free port, the default)",
    )
    parser.add_argument("--db", metavar="FILE", help="the database; without it a temporary one, removed at the end")
    parser.add_argument(
        "--keep-days",
        type=float,
        default=30.0,
        metavar="DAYS",
        help="how long operations are kept after their end (30)",
    )
    parser.add_argument(
        "--keep",
        type=int,
        default=10_000,
        metavar="N",
        help="how many of the newest are kept (10000); those that still run always are",
    )
    token = parser.add_mutually_exclusive_group()
    token.add_argument("--no-token", action="store_true", help="ask for no bearer token")
    token.add_argument(
        "--token-file", metavar="FILE", help="where to write the token (default: FILE.token beside the database)"
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="speak TLS, with the certificate in this file (PEM)")
    parser.add_argument("--tls-key", metavar="FILE", help="the key of the certificate (PEM, without a password)")
    parser.add_argument(
        "--demo", action="store_true", help="add a simulated operation of each outcome, and a job whose program fails"
    )
    return parser


def _serve(parser: _Parser, options: argparse.Namespace) -> None:
    from ds_ops_magic.local.retention import Retention
    from ds_ops_magic.local.service import LocalService

    token = None if options.no_token else secrets.token_urlsafe()
    try:
        retention = Retention(options.keep_days, options.keep)
        service = LocalService(
            options.db,
            listen=options.listen,
            token=token,
            retention=retention,
            tls_cert=options.tls_cert,
            tls_key=options.tls_key,
        )
    except ValueError as error:
        parser.error(str(error))
    with service:
        token_file = Path(options.token_file or f"{Path(options.db or service.path).expanduser()}.token")
        if token is not None:
            _write_private(token_file, token)
        _print(f"listening on {service.address}")
        if token is not None:
            _print(f"token in {token_file}")
        if options.demo:
            _add_demo(service)
        signal.sigwait(_STOP_SIGNALS)


def _add_demo(service: LocalService) -> None:
    for outcome, duration, steps, description in _DEMO:
        operation = service.simulate(duration, steps, outcome, description)
        _print(f"{operation.id}  {outcome:<9}  {description}")
    description = "Train a model that needs more memory than there is"
    operation = service.simulate(15.0, 8, description=description, log=_DEMO_LOG, return_code=137)
    _print(f"{operation.id}  exit-137   {description}")


def _print(line: str) -> None:
    # The parent may read the address and close the pipe; the service goes on.
    with contextlib.suppress(BrokenPipeError):
        print(line, flush=True)


def _write_private(path: Path, text: str) -> None:
    # A new file of mode 0600 takes the name, so that none is read in part, and one of another mode is replaced.
    from ds_ops_magic.model.errors import OperationsError

    try:
        descriptor, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{text}\n")
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise OperationsError(f"{path} cannot be written: {error.strerror}.") from error


if __name__ == "__main__":
    sys.exit(main())
