"""Virtual environments with the vendor's packages, and their clients as processes that do what a test asks for."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
import venv
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any

import pytest

INSTALL_TIMEOUT = 200.0  # seconds
ANSWER_TIMEOUT = 60.0
_PROGRAMS = Path(__file__).parent / "programs"


class Environment:
    """A virtual environment that is being made: packages are installed in the background.

    Args:
        folder: Where it is to be; nothing is there yet.
        requirements: What is installed, of the package index.
    """

    def __init__(self, folder: Path, *requirements: str) -> None:
        # Without a pip of its own, which takes 4 s to install. Nothing is compiled but what is imported.
        venv.create(folder, symlinks=True, with_pip=False)
        self.packages = next(folder.glob("lib/python*/site-packages"))
        self._python, self._requirements = folder / "bin" / "python", requirements
        flags = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-compile", "--no-warn-conflicts"]
        self._installing = subprocess.Popen(
            [sys.executable, "-m", "pip", "install", *flags, "--target", str(self.packages), *requirements],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._problem: str | None = None

    def python(self) -> Path:
        """Return its Python as soon as everything is installed; fail the test if it cannot be."""
        if self._problem is None:
            self._problem = self._wait()
        if self._problem:
            wanted = " and ".join(self._requirements)
            pytest.fail(
                f"{wanted} cannot be installed from the package index ({self._problem}): let pip reach it, or leave "
                f"these tests out with --ignore tests/clients.",
                pytrace=False,
            )
        return self._python

    def close(self) -> None:
        self._installing.kill()
        self._installing.communicate()

    def _wait(self) -> str:
        try:
            _, said = self._installing.communicate(timeout=INSTALL_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.close()
            return f"pip was not ready after {INSTALL_TIMEOUT:.0f} s"
        if self._installing.returncode == 0:
            return ""
        lines = said.split("\n")
        errors = [line for line in lines if line.startswith("ERROR: ")]
        return (errors or list(filter(None, lines)) or ["pip says nothing"])[-1].removeprefix("ERROR: ").rstrip(".")


class Program:
    """A program of this folder, run by the Python of an environment, outside of the repository and without it.

    Args:
        python: The Python of the environment.
        name: Name of its file.
        folder: Its working directory, and its home.
        variables: What its environment has beside the paths.
        told: What the program is to know.
    """

    def __init__(self, python: Path, name: str, folder: Path, variables: dict[str, str], told: dict[str, str]) -> None:
        self.folder = folder
        self._said = folder / "stderr.txt"
        paths = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)}
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [str(python), str(_PROGRAMS / name), json.dumps(told)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                cwd=folder,
                env=paths | variables,
            )
        self._numbers = itertools.count()
        self._pending: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ask(self, name: str, **arguments: Any) -> Future[Any]:
        """Have one of its functions called, on a thread of its own."""
        asked: Future[Any] = Future()
        line = {"number": next(self._numbers), "name": name, "arguments": arguments}
        with self._lock:
            self._pending[line["number"]] = asked
            with contextlib.suppress(BrokenPipeError):  # said below
                _stream(self._process.stdin).write(f"{json.dumps(line)}\n")
                _stream(self._process.stdin).flush()
            if self._ended:
                self._fail_pending()
        return asked

    def call(self, name: str, **arguments: Any) -> Any:
        """Call one of its functions, and return what that returns."""
        return self.ask(name, **arguments).result(ANSWER_TIMEOUT)

    def close(self) -> None:
        self._process.kill()
        self._reader.join()
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()

    def _read(self) -> None:
        for line in _stream(self._process.stdout):
            answer = json.loads(line)
            asked = self._pending.pop(answer["number"])
            if "raised" in answer:
                asked.set_exception(AssertionError(answer["raised"]))
            else:
                asked.set_result(answer["returned"])
        with self._lock:
            self._ended = True
            self._fail_pending()

    def _fail_pending(self) -> None:
        while self._pending:
            _, asked = self._pending.popitem()
            asked.set_exception(AssertionError(f"the program has ended: {self._said.read_text()[-5000:]}"))


def _stream(found: IO[str] | None) -> IO[str]:
    assert found is not None
    return found
