"""Tests of the magics: in a shell of their own, and in `kernel` in a real kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Op = Callable[..., Any]  # runs a line of %op, or begins an operation and returns its id
