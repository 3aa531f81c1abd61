"""The extension itself: what loading imports, and that unloading takes back all that loading brought."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ds_ops_magic import load_ipython_extension, unload_ipython_extension
from tests.support.kernels import started, wait_until

if TYPE_CHECKING:
    from tests.support.kernels import Kernel

HEAVY = {"grpc", "ipywidgets", "yandexcloud", "yandex", "google.protobuf", "google.rpc", "jinja2", "rich", "pandas"}
# Everything that an extension can leave behind, as a JSON value to compare.
TRACES = """
import json as _json, sys as _sys, threading as _threading

def traces():
    shell = get_ipython()
    formatters = {**shell.display_formatter.formatters, "display": shell.display_formatter.ipython_display_formatter}
    return {
        "magics": sorted(kind + name for kind, known in shell.magics_manager.magics.items() for name in known),
        "registry": sorted(shell.magics_manager.registry),
        "hooks": {name: sorted(map(str, one.strs)) for name, one in shell.strdispatchers.items()},
        "events": {name: sorted(one.__qualname__ for one in known) for name, known in shell.events.callbacks.items()},
        "formatters": {
            name: sorted(str(kind) for kind in [*one.type_printers, *one.deferred_printers, *one.singleton_printers])
            for name, one in formatters.items()
        },
        "configurables": sorted(type(one).__name__ for one in shell.configurables),
        "transformers": len(shell.input_transformers_cleanup) + len(shell.input_transformers_post),
        "names": sorted(name for name in shell.user_ns if not name.startswith("_")),
    }

def threads():
    return sorted(thread.name for thread in _threading.enumerate())
"""


@pytest.fixture(scope="module")
def own_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel in which the extension is loaded by the tests alone."""
    database = tmp_path_factory.mktemp("load") / "local.sqlite"
    with started(DS_OPS_MAGIC_LOCAL_DB=str(database)) as kernel:
        kernel.ok(TRACES)
        kernel.ok("%unload_ext nothing")  # IPython registers the magics of extensions at their first use
        yield kernel


@pytest.fixture
def bare(own_kernel: Kernel) -> Iterator[Kernel]:
    """That kernel, without the extension."""
    yield own_kernel
    own_kernel.run("%unload_ext ds_ops_magic")


def loaded_modules(*code: str) -> set[str]:
    """Run code in a fresh ipython, and return the modules that are loaded at its end."""
    lines = "\n".join([*code, "import json, sys", "print('MODULES', json.dumps(sorted(sys.modules)))"])
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", "-c", lines]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    (found,) = [line for line in said.splitlines() if line.startswith("MODULES ")]
    return set(json.loads(found.removeprefix("MODULES ")))


def test_loading_imports_nothing_that_would_be_felt() -> None:
    modules = loaded_modules("%load_ext ds_ops_magic")
    assert "ds_ops_magic.magics.op_magic" in modules
    assert not any(name.startswith(("ds_ops_magic.magics.dispatch", "ds_ops_magic.client")) for name in modules)
    modules = loaded_modules("%load_ext ds_ops_magic", "%op help", "%op wait -h")
    assert "ds_ops_magic.magics.dispatch" in modules
    assert not HEAVY & modules


def test_the_package_imports_a_name_on_first_use() -> None:
    modules = loaded_modules("import ds_ops_magic")
    assert {name for name in modules if name.startswith("ds_ops_magic")} == {"ds_ops_magic"}
    modules = loaded_modules("import ds_ops_magic; [getattr(ds_ops_magic, name) for name in ds_ops_magic.__all__]")
    assert {"ds_ops_magic.client", "ds_ops_magic.local.service", "ds_ops_magic.model.errors"} <= modules


def test_unloading_takes_back_all(bare: Kernel) -> None:
    before, names = bare.value("traces()"), bare.value("threads()")
    bare.ok("%load_ext ds_ops_magic")
    assert bare.value("traces()") != before
    assert "lineop" in bare.value("traces()['magics']")
    # Used in every way: each registers, imports or starts something more.
    bare.ok(
        "%op connect local\n"
        "from ds_ops_magic.local import shared\n"
        "job = shared().submit(lambda: 1)\nslow = shared().simulate(60)\n"
    )
    bare.ok("done = %op wait job", page=True)
    bare.ok("w = %op watch slow", page=True)
    bare.ok("done\n", page=True)
    bare.ok("%op get job slow")
    bare.run("%op wait slow --timeout 0.3", page=True)
    assert bare.value("threads()") != names
    bare.ok("%unload_ext ds_ops_magic")
    bare.ok("del shared, job, slow, done, w")
    assert bare.value("traces()") == before
    # The workers of gRPC's own pool end by themselves, a moment later.
    wait_until(lambda: bare.value("threads()") == names, timeout=3)
    assert bare.run("%op help").stderr.strip().startswith("UsageError: Line magic function `%op` not found")


def test_unloading_ends_a_watch_with_a_static_result(bare: Kernel) -> None:
    bare.ok("%load_ext ds_ops_magic\n%op connect local\nfrom ds_ops_magic.local import shared")
    bare.ok("w = %op watch {shared().simulate(60)}", page=True)
    wait_until(lambda: bare.value("w.view().all_seen"))  # else the result says that it is being asked about
    start = time.monotonic()
    cell = bare.ok("%unload_ext ds_ops_magic")
    taken = time.monotonic() - start
    last = cell.contents("update_display_data")[-1]["data"]
    assert set(last) == {"text/html", "text/plain"}
    assert "● running" in last["text/plain"]
    assert "stopped waiting" in last["text/plain"]
    # Unloading joins these threads, for a second or two at most, which is not enough on a machine that is too busy.
    limit = 0 if taken < 1 else 2
    wait_until(
        lambda: not [name for name in bare.value("threads()") if "redraw" in name or "poller" in name], timeout=limit
    )
    assert bare.value("w.view().stopped")
    assert bare.run("w.wait()").error["ename"] == "WatchStopped"


def test_loading_and_unloading_twice_is_as_once(bare: Kernel) -> None:
    bare.ok("%load_ext ds_ops_magic")
    once = bare.value("traces()")
    assert "already loaded" in bare.ok("%load_ext ds_ops_magic").stdout
    assert bare.value("traces()") == once
    bare.ok("import ds_ops_magic; ds_ops_magic.load_ipython_extension(get_ipython()); del ds_ops_magic")
    assert bare.value("traces()") == once
    bare.ok("%reload_ext ds_ops_magic\n%reload_ext ds_ops_magic")
    assert bare.value("traces()") == once
    bare.ok("%unload_ext ds_ops_magic")
    bare.ok("import ds_ops_magic; ds_ops_magic.unload_ipython_extension(get_ipython()); del ds_ops_magic")


def test_after_a_reload_it_works(bare: Kernel) -> None:
    bare.ok("%load_ext ds_ops_magic\n%op connect local")
    bare.ok("%reload_ext ds_ops_magic")
    bare.ok("%op connect local\nfrom ds_ops_magic.local import shared")
    cell = bare.ok("%op wait {shared().simulate(0.1)}")
    assert len(cell.displays) == 1
    assert not cell.results


def test_loading_again_takes_over_what_was_loaded_before(shell: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("DS_OPS_MAGIC_LOCAL_DB", str(tmp_path / "local.sqlite"))
    shell.run_line_magic("op", "connect local;")
    first = shell.magics_manager.registry["OpMagics"]
    load_ipython_extension(shell)
    assert shell.magics_manager.registry["OpMagics"] is not first
    [again] = [one for one in shell.configurables if type(one).__name__ == "OpMagics"]
    assert again is not first
    assert len([one for one in shell.events.callbacks["pre_run_cell"] if "forget_displayed" in str(one)]) == 1
    unload_ipython_extension(shell)
    assert not [one for one in shell.configurables if type(one).__name__ == "OpMagics"]
