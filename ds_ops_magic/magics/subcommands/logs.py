"""``%op logs``: the log of a job, as it is now, live, or into a file."""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from ds_ops_magic.magics import completion
from ds_ops_magic.magics.command_line import Subcommand, add_targets, unquoted
from ds_ops_magic.model.ids import shown_id
from ds_ops_magic.util.text import counted

if TYPE_CHECKING:
    from ds_ops_magic.display.log_block import LogBlock
    from ds_ops_magic.logs import LogRequest
    from ds_ops_magic.magics.invocation import Invocation
    from ds_ops_magic.magics.log_file import LogFile
    from ds_ops_magic.model.operation import Operation

_TICK = 0.05  # seconds
_LINES = 200


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_targets(parser, "*")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the operation has ended")
    parser.add_argument("--tail", type=_lines, default=_LINES, metavar="N", help=f"show the last N lines ({_LINES})")
    parser.add_argument("--stderr", action="store_true", help="only what was written to stderr")
    parser.add_argument("--file", metavar="NAME", help="only this file of the job, such as .system.log")
    parser.add_argument("--to", metavar="FILE", help="write all of it to a file, as it came")


def _lines(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines: give 1 to 10000")
    return int(text)


def _run(invocation: Invocation) -> None:
    from ds_ops_magic.display.frontend import log_block_for
    from ds_ops_magic.logs import LogRequest
    from ds_ops_magic.magics.log_file import LogFile

    options, targets = invocation.options, invocation.targets()
    if len(set(targets.ids)) != 1:
        raise UsageError(f"%op logs: name one operation, not {counted(len(set(targets.ids)))}.")
    key, client = targets.ids[0], invocation.client_for(targets)
    tail = None if options.follow or options.to else options.tail
    request = LogRequest(key, lambda: client.watch(key), options.follow, tail, _sources(options))
    shows = options.follow or not options.to
    mode = invocation.display_mode if shows else "none"
    block = log_block_for(shown_id(key), invocation.shell, mode, options.tail, live=options.follow)
    file = LogFile(unquoted(options.to)) if options.to else None
    with file or contextlib.nullcontext():
        _read_and_show(request, invocation, block, file)
    if file is not None and not invocation.hidden:
        print(f"{counted(file.lines, 'line')} in {file.path}")


def _sources(options: argparse.Namespace) -> tuple[str, ...]:
    named = (*(["stderr"] if options.stderr else []), *([unquoted(options.file)] if options.file else []))
    return named or ("stdout", "stderr")


def _read_and_show(request: LogRequest, invocation: Invocation, block: LogBlock, file: LogFile | None) -> None:
    """Read; however that ends, what was shown last stays."""
    from ds_ops_magic.logs import interrupted

    foot = ""
    try:
        foot = _read(request, invocation, block, file)
    except KeyboardInterrupt:
        raise interrupted(request.key) from None
    finally:
        if foot or block.total:
            block.finish(foot)


def _read(request: LogRequest, invocation: Invocation, block: LogBlock, file: LogFile | None) -> str:
    """Read to the end; returns what is to be said of it."""
    from ds_ops_magic.display.comm_pump import pumped
    from ds_ops_magic.logs import Tail, seen
    from ds_ops_magic.util.threads import Signal

    news = Signal()
    with pumped(invocation.shell) as pump, request.watch() as watch:
        watch.wait_until(lambda: watch.view().all_seen, tick=pump)
        with request.open(watch, seen(watch), news.set) as reading:
            tail = Tail(request)
            while (batches := tail.next(reading)) is not None:
                block.add(batches)
                if file is not None:
                    file.write(batches)
                pump()
                block.tick()
                if not batches:
                    news.wait(_TICK)
        block.total += tail.skipped
        return _foot(request, seen(watch), block.total, is_cut=tail.is_cut)


def _foot(request: LogRequest, operation: Operation, total: int, *, is_cut: bool) -> str:
    shown = shown_id(request.key)
    lines = counted(total, "line") if total else "no lines"
    if is_cut:
        return f"{lines} of the beginning: there is more, and %op logs {shown} --to FILE has all."
    if operation.done:
        return f"{lines} in all; the operation {_ENDED[operation.status.value]}."
    if request.follow:  # the watching has ended, and the operation has not
        return f"{lines} so far."
    return f"{lines} so far; the operation goes on, and %op logs {shown} -f follows it."


_ENDED = {"succeeded": "succeeded", "failed": "failed", "cancelled": "was cancelled"}

LOGS = Subcommand(
    name="logs",
    arguments="[TARGET]",
    summary="show the log of a job; -f follows it, --to FILE has all",
    description="Show the last lines of the log of a DataSphere job: stdout and stderr.",
    add_arguments=_add_arguments,
    run=_run,
    complete=completion.targets,
)
"""The subcommand, for the table."""
