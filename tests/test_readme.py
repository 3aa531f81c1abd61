"""The examples of the README that need no cloud, as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

README = Path(__file__).parents[1] / "README.md"


def example(word: str) -> str:
    """Return the one Python example that has a word in it."""
    (found,) = [code for code in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if word in code]
    return str(found)


def test_the_work_of_the_local_service_comes_to_its_end() -> None:
    names: dict[str, Any] = {}
    exec(example("with LocalService()"), names)  # noqa: S102
    begun = [names["operation"].id, names["other"].id]
    assert [operation.id for operation in names["operations"].succeeded] == begun
