"""``%op list``: what was followed from here, after asking about those that ran when last seen; or a project's jobs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from ds_ops_magic.connection.addresses import service_name
from ds_ops_magic.magics.command_line import Subcommand, add_output, count, seconds
from ds_ops_magic.magics.recent import required
from ds_ops_magic.magics.targets import text_of
from ds_ops_magic.model.errors import OperationsError
from ds_ops_magic.util.text import counted, tidy

if TYPE_CHECKING:
    import argparse

    from ds_ops_magic.display.table import Listing
    from ds_ops_magic.history.history import History
    from ds_ops_magic.history.record import Record
    from ds_ops_magic.magics.invocation import Invocation

_REFRESH_TIMEOUT = 5.0
"""Seconds that asking about the listed operations may take."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--project", metavar="ID", help="ask the cloud for the jobs of a project of DataSphere (an id or a variable)"
    )
    parser.add_argument("--running", action="store_true", help="only those that have not ended")
    parser.add_argument("--limit", type=count, default=20, metavar="N", help="at most so many (20)")
    parser.add_argument("--since", type=seconds, metavar="TIME", help="only those used in the last 30m, 12h, 2d")
    parser.add_argument("--all", action="store_true", help="of all endpoints, not only of the one connected to")
    add_output(parser)


def _run(invocation: Invocation) -> Listing:
    return _jobs(invocation) if invocation.options.project is not None else _followed(invocation)


def _jobs(invocation: Invocation) -> Listing:
    from ds_ops_magic.display.table import Listing
    from ds_ops_magic.history.record import record_of

    options = invocation.options
    if options.since is not None or options.all:
        raise UsageError("%op list: --since and --all are about what was followed from here: leave out --project.")
    client, now = invocation.client(), time.time()
    project_id = text_of(options.project, invocation.scope)
    found = client.list_jobs(project_id)
    if options.running:
        found = found.running
    here = client.connection.service_key
    records = [record_of(here, job.id, job, used_at=now, seen_at=now) for job in found[: options.limit]]
    project = tidy(project_id, 60)
    remarks = [] if found else [f"No job of project {project} {'runs' if options.running else 'is known'}."]
    if len(found) > len(records):
        remarks.append(f"{len(records):,} of {counted(len(found), 'job')} shown; --limit {len(found)} shows all.")
    remarks.append(f"Jobs of project {project}, as {service_name(here)} lists them; to wait for one: %op wait job:ID")
    return invocation.assign(Listing(records, remarks, now, by_endpoint=False))


def _followed(invocation: Invocation) -> Listing:
    from ds_ops_magic.display.table import Listing

    options, client = invocation.options, invocation.session.client
    history = required(invocation.history)
    history.refresh()
    remarks = []
    if client is None and any(not record.done for record in _select(history, options, None)[: options.limit]):
        try:
            client = invocation.client()
        except OperationsError as error:
            remarks.append(f"Not connected, so this is how they stood when last seen: {error.args[0]}")
    service_key = client.connection.service_key if client and not options.all else None
    found = _select(history, options, service_key)
    if client is not None:
        here = client.connection.service_key
        asked = [record.id for record in found[: options.limit] if not record.done and record.endpoint in (here, "")]
        answered = client.peek(asked, _REFRESH_TIMEOUT) if asked else ()  # the history learns from it
        history.flush()
        now = time.time()
        found = [
            record if record.done or record.id not in answered else record._replace(seen_at=now)
            for record in _select(history, options, service_key)
        ]
    records = found[: options.limit]
    if len(found) > len(records):
        remarks.append(f"{len(records):,} of {counted(len(found))} shown; --limit {len(found)} shows all.")
    elif not found:
        remarks.append("Nothing that was followed from here is of that sort.")
    where = "all endpoints" if service_key is None else service_name(service_key)
    remarks.append(f"Followed at {where}, as kept in {history.path}")
    return invocation.assign(Listing(records, remarks, time.time(), by_endpoint=service_key is None))


def _select(history: History, options: argparse.Namespace, service_key: str | None) -> list[Record]:
    since = 0.0 if options.since is None else time.time() - options.since
    return [
        record
        for record in history.records()
        if record.used_at >= since
        and not (options.running and record.done)
        and (service_key is None or record.endpoint in (service_key, ""))
    ]


LIST = Subcommand(
    name="list",
    arguments="",
    summary="show what was followed from here, by earlier kernels too",
    description="Show the operations that were followed from here, or the jobs of a project.",
    add_arguments=_add_arguments,
    run=_run,
)
