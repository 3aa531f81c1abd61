"""What an operation says of its job."""

from __future__ import annotations

import subprocess
import sys

import pytest
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import Job

from ds_ops_magic.model.operation import Operation
from ds_ops_magic.services import job_facts, jobs
from tests.support.messages import job_response
from tests.support.project_jobs import executing, job
from tests.support.scripted import message


def test_which_operation_executes_a_job() -> None:
    assert job_facts.job_of(Operation(executing("a", job("j1")))) == job("j1")
    assert job_facts.job_of(jobs.operation_of(job("j1"))) == job("j1")
    assert job_facts.job_of(Operation(executing("a", Job()))) is None
    assert job_facts.job_of(Operation(message("a"))) is None


@pytest.mark.parametrize(
    ("code", "started_gracefully", "graceful", "stopped"),
    [
        (0, False, False, False),
        (1, False, False, False),
        (143, False, False, True),
        (137, False, False, True),
        (-15, False, False, True),
        (0, False, True, True),
        (0, True, False, True),
        (3, True, False, True),
    ],
)
def test_a_program_that_stopped_when_it_was_asked(
    code: int, started_gracefully: bool, graceful: bool, stopped: bool
) -> None:
    what = job("j1", graceful=started_gracefully)
    operation = Operation(executing("a", what, done=True, response=job_response(code)))
    assert job_facts.has_stopped(operation, graceful=graceful) is stopped
    no_job = Operation(message("a", done=True, response=job_response(code)))
    assert not job_facts.has_stopped(no_job, graceful=graceful)


def test_who_asks_about_no_job_imports_no_stubs_of_jobs() -> None:
    modules = "ds_ops_magic.services.job_facts, ds_ops_magic.services.registry"
    code = f"import sys, {modules}; print('jobs_pb2' in str(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
