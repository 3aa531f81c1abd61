"""The cloud that datasphere_job.ipynb meets in the tests; ``python -m tests.notebooks.cloud`` stores its outputs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ds_ops_magic import LocalService
from ds_ops_magic.local.job_messages import job_id_of
from tests.support import REPOSITORY
from tests.support.certificates import Authority
from tests.support.stand_ins import VARIABLES

NOTEBOOK = REPOSITORY / "notebooks" / "datasphere_job.ipynb"
TOKEN = "t1.of-the-notebook"
TRAINING = (
    "loading the data",
    *(f"epoch {number} of 5, loss {1 / number:.2f}" for number in range(1, 6)),
    ("stderr", "warning: the learning rate is high"),
    "saved the model",
)
FAILING = (
    "loading the data",
    ("stderr", "Traceback (most recent call last):"),
    ("stderr", '  File "train.py", line 12, in <module>'),
    ("stderr", "MemoryError"),
)


@contextmanager
def running_cloud(folder: Path) -> Iterator[dict[str, str]]:
    """Run a local service as that cloud, and yield the environment in which the notebook finds it."""
    authority = Authority(folder)
    certificate, key = authority.files(folder, "127.0.0.1")
    with LocalService(listen="127.0.0.1:0", token=TOKEN, tls_cert=certificate, tls_key=key) as service:
        training = service.simulate(1.5, 5, description="Train", log=TRAINING)
        failing = service.simulate(1.0, 4, description="Train on too much", log=FAILING, return_code=137)
        yield {
            "YC_IAM_TOKEN": TOKEN,
            "YC_ENDPOINT": service.address,
            "DATASPHERE_JOB_ID": job_id_of(training.id),
            "DATASPHERE_FAILING_JOB_ID": job_id_of(failing.id),
            # gRPC's own variable: the SDK has no other way to be told without a change of the notebook.
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(authority.ca),
        }


def main() -> None:
    """Run the notebook and store its outputs."""
    with tempfile.TemporaryDirectory() as folder, running_cloud(Path(folder)) as variables:
        copy = Path(folder) / NOTEBOOK.name
        shutil.copy(NOTEBOOK, copy)
        inherited = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        program = Path(sys.executable).with_name("jupyter-execute")
        subprocess.run([program, "--inplace", copy], env={**inherited, **variables}, check=True, cwd=folder)
        shutil.copy(copy, NOTEBOOK)


if __name__ == "__main__":
    main()
