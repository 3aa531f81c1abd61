"""The client of the package datasphere as it is, but for its endpoints, the certificate to trust and the token.

The certificate and the token are in the variables of the environment that gRPC and the package read.
"""

import json
import logging
import sys
import threading
import time
from collections import defaultdict

import grpc
from answering import serve
from at_address import at
from datasphere import client as vendor
from datasphere.sdk import SDK

at(json.loads(sys.argv[1])["address"])
sdk = SDK()
client = sdk.client
executed = {}
lines_of = defaultdict(list)  # by the thread that they were logged on: of a call, or "log" for what reads a log
one_reader = threading.Lock()


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self, source):
        super().__init__()
        self.source = source

    def emit(self, record):
        thread = "log" if "_print_logs" in record.threadName else record.thread
        lines_of[thread].append((self.source, record.levelname, record.getMessage()))


SOURCES = {
    "client": vendor.logger,
    "stdout": vendor.logger_program_stdout,
    "stderr": vendor.logger_program_stderr,
    ".system.log": vendor.logger_system_log,
    ".gpu_stats.tsv": vendor.logger_gpu_stats,
}
for source, logger in SOURCES.items():
    logger.addHandler(Lines(source))


def fork(job):
    wrapper = sdk.fork_job(job)
    executed[wrapper.id] = (wrapper.op, wrapper.execute_call)
    return {"job": wrapper.id, "operation": wrapper.operation_id, "done": wrapper.op.done}


def execute(job):
    executed[job] = client.execute(job)
    operation, _ = executed[job]
    return {"operation": operation.id, "done": operation.done}


def wait(job):
    """Wait for a job that was executed, and say how it ended, and which files were not stored."""
    lines_of.pop(threading.get_ident(), None)
    return _outcome(lambda: client.wait_for_completion(*executed[job])) | {"lost": _lost_files()}


def poll(job):
    return _outcome(lambda: client._poll_operation(*executed[job]))


def get(job):
    found = client.get(job)
    return {
        "id": found.id,
        "status": vendor.jobs.JobStatus.Name(found.status),
        "details": found.status_details,
        "lost": [error.output_file_desc.path for error in found.file_errors],
    }


def list_(project):
    return [[job.id, vendor.jobs.JobStatus.Name(job.status)] for job in client.list(project)]


def project(project_id):
    return client.get_project(project_id).community_id


def cancel(job, graceful=False):
    client.cancel(job, graceful=graceful)


def refusal(function, arguments):
    """Return the status that a call ends with."""
    try:
        globals()[function](**arguments)
    except grpc.RpcError as error:
        return error.code().name, error.details()
    return None


def read_logs(job, offset=0):
    """Read a log to its end; what is of other files is in the working directory."""
    with one_reader:
        lines_of.pop("log", None)
        client.read_logs(job, offset)
        while any("_print_logs" in thread.name for thread in threading.enumerate()):
            time.sleep(0.01)
        return [(source, text) for source, _, text in lines_of["log"]]


def installed():
    """Return which packages of interest can be imported."""
    from importlib.util import find_spec

    return [name for name in ("datasphere", "ds_ops_magic", "yandexcloud") if find_spec(name)]


def _outcome(wait_for_it):
    try:
        wait_for_it()
    except vendor.ProgramError as error:
        return {"return_code": error.return_code}
    except vendor.OperationError as error:
        return {"code": error.op.error.code, "message": error.op.error.message}
    return {"completed": True}


def _lost_files():
    said = lines_of[threading.get_ident()]
    return [text[4:] for _, level, text in said if level == "ERROR" and text.startswith("  * ")]


serve(fork, execute, wait, poll, get, list_, project, cancel, refusal, read_logs, installed)
