"""A real JupyterLab in a real Chromium, for the tests that look at the panel and for the pictures of the README."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Browser, Locator, Page, WebSocket, sync_playwright

from tests.support.ports import own_port

SETUP = """\
%load_ext ds_ops_magic
%op connect local
from ds_ops_magic.local import shared
simulate = shared().simulate"""
"""What the first cell of a notebook here holds: it connects, and names what the next cells begin operations with."""
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _chromium() -> str:  # a missing one is an error, never a reason to skip
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise RuntimeError("Chromium is needed: apt-get install chromium")
    return found


class Notebook:
    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.path = path
        self.received: list[float] = []
        """When messages came over the kernel's web socket, on the monotonic clock."""
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        if "/channels" in socket.url:
            socket.on("framereceived", lambda _frame: self.received.append(time.monotonic()))

    def wait_for_kernel(self, timeout: float = 60.0) -> None:
        self.page.locator(".jp-Notebook").wait_for(timeout=60_000)
        # The indicator says idle before a kernel is there. The status bar names it once it is; Notebook 7 has none, and
        # there the kernel's own first words have to do.
        named = self.page.locator("#jp-main-statusbar").get_by_text("| Idle")
        logo = self.page.locator(".jp-NotebookKernelLogo img")
        named.or_(logo).first.wait_for(state="attached", timeout=timeout * 1000)
        while len(self.received) < 4:
            self.page.wait_for_timeout(50)

    def cell(self, index: int) -> Locator:
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        return self.cell(index).locator(".jp-OutputArea-output")

    def run(self, index: int) -> None:
        self.cell(index).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def run_all(self) -> None:
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def interrupt(self) -> None:
        self.page.get_by_title("Interrupt the kernel").click()

    def wait_done(self, index: int, timeout: float = 30.0) -> None:
        prompt = self.cell(index).locator(".jp-InputPrompt")
        deadline = time.monotonic() + timeout
        while not any(char.isdigit() for char in prompt.inner_text()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"cell {index} has not finished: {prompt.inner_text()!r}")
            self.page.wait_for_timeout(50)

    def reload(self) -> None:
        self.page.reload()
        self.page.locator(".jp-Notebook").wait_for(timeout=60_000)

    def describe(self) -> str:
        """Say what the page shows and what the server has logged, for the report of a test that failed."""
        log = (self.path.parent / ".jupyter.log").read_text().splitlines()[-40:]
        return "\n".join([f"the page of {self.path.name}:", self.page.locator("body").inner_text(), "the log:", *log])

    def put_away(self) -> None:
        """End the kernel; the notebook stays to be seen until the next one is open in the page."""
        self.page.remove_listener("websocket", self._listen)
        self.page.evaluate(
            """async path => {
                const panel = [...jupyterapp.shell.widgets('main')].find(widget => widget.context?.path === path);
                await panel.context.sessionContext.shutdown();
            }""",
            self.path.name,
        )

    def close(self) -> None:
        try:
            self.put_away()
        finally:
            self.page.context.close()

    def save(self) -> Any:
        before = self.path.stat().st_mtime_ns
        self.page.keyboard.press("Control+s")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
            # The server empties the file before it writes it.
            if self.path.stat().st_mtime_ns != before:
                with contextlib.suppress(nbformat.reader.NotJSONError):
                    return nbformat.read(self.path, as_version=4)
        raise TimeoutError("the notebook was not saved")


class Lab:
    """A JupyterLab server over a folder."""

    def __init__(self, folder: Path, url: str, token: str) -> None:
        self.folder = folder
        self._url = url
        self._token = token

    def kernels(self, name: str) -> list[str]:
        with urllib.request.urlopen(f"{self._url}/api/kernels?token={self._token}", timeout=5) as answer:  # noqa: S310
            return [kernel["id"] for kernel in json.load(answer) if kernel["name"] == name]

    def open(
        self, browser: Browser, name: str, *, app: str = "doc/tree", width: int = 1000, height: int = 900
    ) -> Notebook:
        """Open a notebook in a page of its own; does not wait for its kernel.

        ``app`` is the path of the application: ``doc/tree`` of JupyterLab, ``notebooks`` of Notebook 7.
        """
        page = browser.new_context(viewport={"width": width, "height": height}).new_page()
        page.set_default_timeout(60_000)
        notebook = Notebook(page, self.folder / name)
        page.goto(f"{self._url}/{app}/{name}?token={self._token}")
        return notebook


class Desk:
    """A page of JupyterLab in which one notebook after the other is opened: to load a page takes longer than a test."""

    def __init__(self, lab: Lab, browser: Browser) -> None:
        self._lab = lab
        self._browser = browser
        self._page: Page | None = None

    def open(self, name: str) -> Notebook:
        """Open a notebook in place of the one before, which was put away; does not wait for its kernel."""
        if self._page is None or self._page.is_closed():
            notebook = self._lab.open(self._browser, name)
            self._page = notebook.page
            return notebook
        notebook = Notebook(self._page, self._lab.folder / name)
        # The one before goes last: an empty page gets JupyterLab's launcher, over what opens meanwhile.
        self._page.evaluate(
            """async path => {
                const opened = await jupyterapp.commands.execute('docmanager:open', {path});
                for (const widget of [...jupyterapp.shell.widgets('main')])
                    if (widget !== opened) widget.dispose();
            }""",
            name,
        )
        return notebook


def write_notebook(path: Path, *cells: str, kernel: str = "python3") -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)


@contextlib.contextmanager
def running_browser() -> Iterator[Browser]:
    """Start a browser; there can be one at a time in a process."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def running_lab(
    folder: Path,
    *,
    dark: bool = False,
    kernels: Path | None = None,
    widgets: bool = True,
    python: str | Path = sys.executable,
) -> Iterator[Lab]:
    """Start JupyterLab, and end it at the end.

    ``kernels`` is a folder for ``JUPYTER_PATH``; without ``widgets`` the page has no widget manager; ``python`` is that
    of the environment whose JupyterLab it is.
    """
    config = folder / ".jupyter-config"
    (config / "labconfig").mkdir(parents=True)
    disabled = {} if widgets else {"@jupyter-widgets/jupyterlab-manager": True}
    (config / "labconfig" / "page_config.json").write_text(json.dumps({"disabledExtensions": disabled}))
    environment = {"JUPYTER_CONFIG_PATH": str(config), "JUPYTER_PATH": str(kernels or "")}
    with _server(python, folder, dark, environment) as (url, token):
        yield Lab(folder, url, token)


@contextlib.contextmanager
def _server(python: str | Path, folder: Path, dark: bool, also: dict[str, str]) -> Iterator[tuple[str, str]]:
    token = secrets.token_hex(16)
    port = own_port()
    settings = folder / ".jupyter-settings"
    chosen: dict[str, dict[str, object]] = {
        "apputils-extension/themes": {"theme": "JupyterLab Dark" if dark else "JupyterLab Light"},
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        # Else cells that are out of sight are out of the page too.
        "notebook-extension/tracker": {"windowingMode": "none"},
    }
    for name, values in chosen.items():
        file = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    environment = {
        **os.environ,
        **also,
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        # Hidden from the page's list of files, for which its journals come and go too fast.
        "DS_OPS_MAGIC_LOCAL_DB": str(folder / ".operations.sqlite"),
    }
    command = [python, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1"]
    command += [f"--IdentityProvider.token={token}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"]
    # Not over TCP: a kernel's ports are free only when they are chosen, not yet when the kernel binds them.
    command += ["--KernelManager.transport=ipc"]
    command += ["--LabApp.expose_app_in_browser=True"]  # for `Desk` and `Notebook.put_away`
    log = folder / ".jupyter.log"
    with log.open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment, cwd=folder)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/api?token={token}", server, log)
            yield url, token
        finally:
            server.terminate()
            server.wait(60)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310  # our own loopback
            return
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")
