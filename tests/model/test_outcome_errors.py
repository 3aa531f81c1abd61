"""Errors of operations that have ended: what they say, and what they carry."""

from __future__ import annotations

import pytest

from ds_ops_magic.model.outcome_errors import not_cancelled, operation_failed
from tests.support.sample_errors import RUNNING, failed


def test_the_operation_of_an_error() -> None:
    operation = failed()
    error = operation_failed(operation)
    assert (error.operation, error.status) == (operation, operation.error)
    assert not_cancelled(operation).operation is operation
    with pytest.raises(ValueError, match="has no error"):
        operation_failed(RUNNING)
