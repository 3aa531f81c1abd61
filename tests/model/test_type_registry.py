"""The class of a message by its full name: found with no hint, without importing more than it takes."""

from __future__ import annotations

import json

import pytest
from google.protobuf import any_pb2
from yandex.cloud.datasphere.v2.project_service_pb2 import CreateProjectMetadata

from ds_ops_magic.model.type_registry import find_type
from tests.support.fresh import fresh

DECODE = """
from google.protobuf.any_pb2 import Any
from ds_ops_magic.model.payload import decode
before = set(sys.modules)
found = {}
for name, value in json.loads(input()).items():
    message = decode(Any(type_url="type.googleapis.com/" + name, value=bytes.fromhex(value)))
    module = type(message).__module__
    found[name] = [message.DESCRIPTOR.full_name, module, module in before, message.SerializeToString().hex()]
print(json.dumps(found))
"""


def test_types_are_found_without_being_imported_first() -> None:
    text = "0a0178"  # field 1: the string "x"
    types = {
        "yandex.cloud.datasphere.v2.CreateProjectMetadata": "yandex.cloud.datasphere.v2.project_service_pb2",
        "yandex.cloud.datasphere.v2.Project": "yandex.cloud.datasphere.v2.project_pb2",
        # The package is not the folder.
        "yandex.cloud.clouddesktop.v1.api.CreateDesktopMetadata": "yandex.cloud.clouddesktop.v1.desktop_service_pb2",
        "speechkit.stt.v3.RecognitionModelOptions": "yandex.cloud.ai.stt.v3.stt_pb2",
        # A message inside a message.
        "yandex.cloud.compute.v1.AttachedDiskSpec.DiskSpec": "yandex.cloud.compute.v1.instance_service_pb2",
        "google.rpc.BadRequest.FieldViolation": "google.rpc.error_details_pb2",
        "google.rpc.ErrorInfo": "google.rpc.error_details_pb2",
        "google.protobuf.StringValue": "google.protobuf.wrappers_pb2",
        "google.type.Money": "google.type.money_pb2",
    }
    found = fresh(DECODE, json.dumps(dict.fromkeys(types, text)))
    assert found == {name: [name, module, False, text] for name, module in types.items()}


STUBS = """
import importlib, pkgutil, yandex.cloud
names = [found.name for found in pkgutil.walk_packages(yandex.cloud.__path__, "yandex.cloud.")]
files = [importlib.import_module(name).DESCRIPTOR for name in names if name.endswith("_pb2")]
types = [type for file in files for type in file.message_types_by_name.values()]
"""


def test_every_metadata_type_decodes_and_displays() -> None:
    names = fresh(STUBS + "print(json.dumps([type.full_name for type in types if type.name.endswith('Metadata')]))")
    assert len(names) > 950  # 983 in yandexcloud 0.382, 1,096 in 0.413
    wrong = fresh(
        """
from google.protobuf.any_pb2 import Any
from tests.support.random_messages import filled, seeded
from yandex.cloud.operation.operation_pb2 import Operation as Message
from ds_ops_magic import Operation
from ds_ops_magic.display.panel import snapshot_panel
from ds_ops_magic.display.render import html, text

def kept(name):
    empty = Operation(Message(metadata=Any(type_url="type.googleapis.com/" + name))).metadata
    metadata = filled(type(empty), random)
    given = Message(id="op1")
    given.metadata.Pack(metadata)
    operation = Operation(given)
    panel = snapshot_panel([operation])
    read = html(panel).replace("<wbr>", "")  # where a line may end
    shown = name in read and name in text(panel) and operation.title.lower() in read.lower()
    same = operation.metadata.SerializeToString(deterministic=True) == metadata.SerializeToString(deterministic=True)
    return empty.DESCRIPTOR.full_name == name and same and shown and operation.to_dict()  # NaN equals nothing

random = seeded(1)
print(json.dumps([name for name in json.loads(input()) if not kept(name)]))
""",
        json.dumps(names),
    )
    assert wrong == []


def test_every_other_message_of_the_stubs_is_found() -> None:
    names = fresh(STUBS + "print(json.dumps([type.full_name for type in types]))")
    missing = """
from ds_ops_magic.model.type_registry import find_type
print(json.dumps([name for name in json.loads(input()) if find_type(name) is None]))
"""
    assert len(names) > 5000
    assert fresh(missing, json.dumps(names)) == []


@pytest.mark.parametrize(
    "name",
    [
        "yandex.cloud.compute.v1.CreateDiskMetadata",
        "yandex.cloud.clouddesktop.v1.api.CreateDesktopMetadata",
        "yandex.cloud.ai.foundation_models.v1.BatchCompletionMetadata",
        "speechkit.stt.v3.RecognitionModelOptions",
    ],
)
def test_a_lookup_imports_what_the_module_itself_does(name: str) -> None:
    code = """
import importlib
from ds_ops_magic.model.type_registry import find_type
before = set(sys.modules)
module = {module}
print(json.dumps([module, sorted(name for name in set(sys.modules) - before if name.endswith("_pb2"))]))
"""
    module, imported = fresh(code.format(module=f"find_type('{name}').__module__"))
    assert module in imported
    assert fresh(code.format(module=f"importlib.import_module('{module}').__name__")) == [module, imported]


def test_a_type_that_is_nowhere_is_looked_for_once() -> None:
    assert fresh(
        """
from ds_ops_magic.model.type_registry import find_type
read = []
sys.addaudithook(lambda event, given: event == "open" and str(given[0]).endswith("_pb2.py") and read.append(given[0]))
unknown = [find_type("yandex.cloud.compute.v1.FlyMetadata")]
once = len(read)
unknown += [find_type("yandex.cloud.compute.v1.FlyMetadata"), find_type("yandex.cloud.compute.v1.SwimMetadata")]
print(json.dumps([unknown, once > 900, len(read) == once == len(set(read))]))
"""
    ) == [[None] * 3, True, True]


def test_a_type_that_is_registered_later_is_found_then() -> None:
    code = """
from ds_ops_magic.model.type_registry import find_type
before = find_type("tests.later.ThingMetadata")
register("later.proto", "tests.later", ThingMetadata="")
print(json.dumps([before, find_type("tests.later.ThingMetadata").DESCRIPTOR.full_name]))
"""
    assert fresh(OWN + code) == [None, "tests.later.ThingMetadata"]


def test_find_type() -> None:
    assert find_type("google.protobuf.Any") is any_pb2.Any
    assert find_type("yandex.cloud.datasphere.v2.CreateProjectMetadata") is CreateProjectMetadata
    assert find_type("google.rpc.Code") is None  # an enum
    assert find_type("") is None


# Stands in for a package that brings its own copy of the messages, under another path and from other .proto files.
OWN = """
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


def test_a_type_of_another_package_is_read_with_it() -> None:
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


def test_another_copy_of_the_operation_type() -> None:
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
