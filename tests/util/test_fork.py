"""What is registered to be called at a fork: in which order, for how long, and whatever the others do."""

from __future__ import annotations

from tests.support import REPOSITORY
from tests.support.following import python

SETUP = """
import os, sys
from ds_ops_magic.util import fork

called = []

class Registered:
    def __init__(self, name):
        self.name = name
        fork.register(before=self.before, after_in_parent=self.after, after_in_child=self.after)
    def before(self):
        called.append(f"before {self.name}")
    def after(self):
        called.append(f"after {self.name}")

def forked():
    pid = os.fork()
    if pid:
        assert os.waitpid(pid, 0)[1] == 0
    print(pid == 0, called, flush=True)
    called.clear()
    return pid == 0
"""


def said(code: str) -> list[str]:
    with python(SETUP + code) as process:
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    return [*out.splitlines(), *err.splitlines()]


def test_order() -> None:
    order = ["before b", "before a", "after a", "after b"]
    code = "a, b = Registered('a'), Registered('b')\nif forked(): os._exit(0)\n"
    assert said(code) == [f"True {order}", f"False {order}"]


def test_a_fork_of_a_forked_child() -> None:
    order = ["before a", "after a"]
    code = "a = Registered('a')\nif forked():\n    if forked(): os._exit(0)\n    os._exit(0)\n"
    assert said(code) == [f"True {order}", f"True {order}", f"False {order}", f"False {order}"]


def test_a_method_does_not_keep_its_object_alive() -> None:
    code = "a, b = Registered('a'), Registered('b')\ndel a\nif forked(): os._exit(0)\nassert len(fork._before) == 1\n"
    assert said(code) == [f"{is_child} ['before b', 'after b']" for is_child in (True, False)]


def test_one_that_raises_stops_no_other() -> None:
    code = """
class Raises(Registered):
    def before(self):
        super().before()
        raise ValueError(self.name)
    after = before

# Not read from stderr, where what parent and child write at the same moment is mixed.
sys.unraisablehook = lambda error: called.append(f"{error.exc_type.__name__} {error.exc_value}")
all = Registered('a'), Raises('b'), Registered('c')
if forked(): os._exit(0)
"""
    before = "'before c', 'before b', 'before a', 'ValueError b'"
    after = "'after a', 'before b', 'after c', 'ValueError b'"
    assert said(code) == [f"{is_child} [{before}, {after}]" for is_child in (True, False)]


def test_nothing_else_registers_with_python() -> None:
    modules = (REPOSITORY / "ds_ops_magic").rglob("*.py")
    assert [path.name for path in modules if "register_at_fork(" in path.read_text()] == ["fork.py"]
