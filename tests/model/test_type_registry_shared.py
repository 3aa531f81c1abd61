"""Another package with stubs of the same messages in the same process: whichever came first, types are found."""

from __future__ import annotations

from tests.support.fresh import fresh

# Stands in for a package that brings its own copy of the messages, under another path and from other .proto files.
OWN = """
import json
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.any_pb2 import Any

def register(file, package, **messages):
    own = descriptor_pb2.FileDescriptorProto(name=file, package=package, syntax="proto3")
    for name, fields in messages.items():
        made = own.message_type.add(name=name)
        for number, field in enumerate(fields.split(), 1):
            made.field.add(name=field, number=number, type=9, label=1)
    descriptor_pool.Default().AddSerializedFile(own.SerializeToString())
"""


def test_a_stub_that_cannot_be_imported_is_an_unknown_type() -> None:
    code = """
from ds_ops_magic.model.payload import decode
register("own.proto", "yandex.cloud.datasphere.v2", CreateProjectRequest="")
unknown = decode(Any(type_url="x/yandex.cloud.datasphere.v2.CreateProjectMetadata", value=b"123"))
print(json.dumps([type(unknown).__name__, unknown.size]))
"""
    assert fresh(OWN + code) == ["UnknownPayload", 3]


def test_a_type_that_another_package_has_registered_is_read_with_it() -> None:
    code = """
file = "yandex/cloud/datasphere/v2/project_service.proto"
register(file, "yandex.cloud.datasphere.v2", CreateProjectMetadata="project_id")
from ds_ops_magic.model.payload import decode
other = decode(Any(type_url="x/yandex.cloud.datasphere.v2.CreateProjectMetadata", value=b"\\n\\x01p"))
ours = decode(Any(type_url="x/yandex.cloud.compute.v1.CreateDiskMetadata", value=b"\\n\\x01d"))
missing = decode(Any(type_url="x/yandex.cloud.datasphere.v2.DeleteProjectMetadata", value=b"\\n\\x01p"))
print(json.dumps([other.project_id, ours.disk_id, type(missing).__name__]))
"""
    assert fresh(OWN + code) == ["p", "d", "UnknownPayload"]


def test_another_copy_of_the_operation_itself_is_a_sentence() -> None:
    code = """
register("yandex/cloud/operation/operation.proto", "yandex.cloud.operation", Operation="id description")
from ds_ops_magic.model.errors import OperationsError
try:
    from ds_ops_magic import Operation
except OperationsError as error:
    print(json.dumps([str(error), error.__suppress_context__]))
"""
    said, without_context = fresh(OWN + code)
    assert without_context
    assert said.splitlines() == [
        "Another package has brought its own copy of Yandex Cloud's messages into this process, and they clash.",
        "Restart the kernel, now that yandexcloud is installed: datasphere then uses yandexcloud's too.",
    ]
