"""Code in an interpreter of its own, where no stub is imported yet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ds_ops_magic
from tests.support import REPOSITORY


def fresh(code: str, given: str = "") -> Any:
    """Run code in a new interpreter, with json and sys imported, and return the JSON it prints."""
    places = [str(Path(ds_ops_magic.__file__).parents[1]), str(REPOSITORY)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{code}"],
        input=given,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
