"""Showing a snapshot imports no more than it needs."""

from __future__ import annotations

import json

import pytest

from tests.support.fresh import fresh
from tests.support.panels import snapshot

HEAVY = ["grpc", "ipywidgets", "pandas", "rich", "yandexcloud", "ds_ops_magic.client", "ds_ops_magic.watch"]
CODE = f"""
import json, sys
from ds_ops_magic.magics.formatters import _html, _text

def show(value):
    _html(value), _text(value)

{{}}
print(json.dumps([name for name in {HEAVY} if name in sys.modules]))
"""
OPERATIONS = """
from ds_ops_magic.model.operation import Operation
from ds_ops_magic.model.operations import Operations
operations = [Operation.from_bytes(bytes.fromhex(data)) for data in json.load(sys.stdin)]
for one in (*operations, Operations([*operations, None])):
    show(one)
"""
LISTING = """
from ds_ops_magic.display.table import Listing
from ds_ops_magic.history.record import Record
show(Listing([Record("host:1", "op1", 7.0, 7.0, "running")], ["That is all."], 7.0, by_endpoint=True))
"""
LIST_IN_A_SHELL = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "ds_ops_magic")
show(shell.run_line_magic("op", "list"))
"""
SNAPSHOTS = [snapshot(percent=40), snapshot(code=13, message="lost"), snapshot(done=True), snapshot(done=True, code=8)]


@pytest.mark.parametrize("code", [OPERATIONS, LISTING, LIST_IN_A_SHELL])
def test_imports(code):
    written = [operation.to_proto().SerializeToString().hex() for operation in SNAPSHOTS]
    assert fresh(CODE.format(code), json.dumps(written)) == []
