"""Errors of waits: what they say, and what they carry."""

from __future__ import annotations

from ds_ops_magic.model import wait_errors
from ds_ops_magic.model.operations import Operations
from tests.support.sample_errors import RUNNING, failed


def test_a_timeout_tells_done_from_not_done() -> None:
    operations = Operations([failed(), RUNNING, None])
    error = wait_errors.timed_out(["op2", "op3"], operations, 600, "UNAVAILABLE: reset")
    assert error.args == (
        "Stopped waiting after 10 min 00 s: 2 of 3 operations are not done. Nothing was cancelled.",
        "The service does not answer: UNAVAILABLE: reset",
        "To go on waiting: %op wait op2 op3",
    )
    assert (error.operations, error.last_status) == (operations, "UNAVAILABLE: reset")
    assert (error.errno, error.strerror, error.filename) == (None, None, None)
    alone = wait_errors.timed_out(["op2"], Operations([RUNNING]), 5, None)
    assert str(alone).startswith("Stopped waiting after 5.0 s: the operation is not done.")
    assert (len(alone.args), alone.last_status) == (2, None)
    once = wait_errors.timed_out(["op2"], Operations([RUNNING]), 0, None)
    assert str(once).startswith("Asked once: the operation is not done. Nothing was cancelled.")


def test_a_command_for_many_ids_names_none() -> None:
    many = list("abcdefgh")
    waited = wait_errors.timed_out(many, Operations([None] * 9), 5, None)
    assert "8 of 9 operations are not done" in str(waited)
    assert waited.args[-1] == "To go on waiting: %op wait with their ids or a variable that holds them"
    assert wait_errors.interrupted(many).args == (
        "Stopped waiting; 8 operations go on.",
        "To go on waiting: %op wait with their ids or a variable that holds them",
        "To cancel: %op cancel with their ids or a variable that holds them",
    )
