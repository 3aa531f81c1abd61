"""Links to the console."""

from __future__ import annotations

import pytest
from google.protobuf.empty_pb2 import Empty
from yandex.cloud.datasphere.v2.community_pb2 import Community
from yandex.cloud.datasphere.v2.project_pb2 import Project

from ds_ops_magic.services.console import console_link


def test_documented_addresses() -> None:
    address = "https://datasphere.yandex.cloud/communities/c1"
    assert console_link(Community(id="c1")) == address
    assert console_link(Project(id="p1", community_id="c1")) == f"{address}/projects/p1"
    assert console_link(Empty()) is None


@pytest.mark.parametrize("malformed", ["", "../c1", "c1?x=1", "c 1", "c" * 65])
def test_malformed_ids(malformed: str) -> None:
    assert console_link(Project(id="p1", community_id=malformed)) is None
    assert console_link(Project(id=malformed, community_id="c1")) is None
