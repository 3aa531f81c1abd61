"""What notebooks find when they run: yandex_cloud.ipynb a cloud, the others none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cloud
import pytest


@pytest.fixture(autouse=True)
def environment(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.getfixturevalue("notebook") != cloud.NOTEBOOK:
        yield
        return
    folder = tmp_path / "cloud"
    folder.mkdir()
    with cloud.running_cloud(folder) as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield
