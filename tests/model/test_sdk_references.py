"""What stands for operations in other programs: objects of SDKs, files of `datasphere`, pages of the console."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.utils.text import SList
from yandex.cloud.datasphere.v2.jobs.jobs_pb2 import Job as JobMessage
from yandex.cloud.datasphere.v2.project_pb2 import Project
from yandexcloud.operations import OperationError, OperationResult

from ds_ops_magic import Job
from ds_ops_magic.model.errors import InvalidOperationId, NotAnOperation
from ds_ops_magic.model.references import check_id, id_of, ids_of, only_id_of
from tests.support import sdk_objects
from tests.support.scripted import message

STARTED = {"job_id": "bt1job", "operation_id": "bt1op"}  # datasphere project job execute --async -o FILE
CLI_JOB = {"id": "bt1job", "name": "n", "status": "EXECUTING", "data_cleared": False, "data_expired_at": "Never"}
PAGE = "https://datasphere.yandex.cloud/communities/bt1c/projects/bt1p/job/bt1job"


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (Job("bt1job"), "job:bt1job"),
        ("job:bt1job", "job:bt1job"),
        (JobMessage(id="bt1job"), "job:bt1job"),
        (sdk_objects.JobWrapper("bt1job", op=message("bt1op")), "bt1op"),
        (sdk_objects.JobWrapper("bt1job"), "job:bt1job"),
        (sdk_objects.JobWrapper("bt1job", job=JobMessage(id="bt1job")), "job:bt1job"),  # it has `done` and `id`
        (sdk_objects.OperationError(message("bt1op")), "bt1op"),
        (OperationError("failed", OperationResult(message("bt1op"))), "bt1op"),
        (sdk_objects.Operation[Any]("op1"), "op1"),
        (sdk_objects.Operation[Any]("op1", "operation"), "op1"),
        (sdk_objects.Operation[Any]("op1", "ai-foundation-models"), "ai-foundation-models:op1"),
        (sdk_objects.AsyncOperation[Any]("op1", "ai-foundation-models"), "ai-foundation-models:op1"),
        (type("Own", (sdk_objects.Operation,), {})("op1"), "op1"),
        (sdk_objects.TuningTask[Any]("op1", None), "ai-foundation-models:op1"),
        (sdk_objects.TuningTask[Any]("op1", "task1"), "ai-foundation-models:op1"),
        (sdk_objects.TuningTaskInfo("task1", "op1"), "ai-foundation-models:op1"),
        (STARTED, "bt1op"),
        (json.dumps(STARTED, indent=4), "bt1op"),
        (json.dumps(STARTED).encode(), "bt1op"),
        (json.dumps(STARTED, indent=4).splitlines(), "bt1op"),
        (SList(["job started", *json.dumps(STARTED, indent=4).splitlines()]), "bt1op"),
        ({**STARTED, "operation_id": ""}, "job:bt1job"),
        ({**STARTED, "operation_id": None}, "job:bt1job"),
        (CLI_JOB, "job:bt1job"),
        (SimpleNamespace(operation=Job("bt1job")), "job:bt1job"),
    ],
)
def test_one(value: Any, key: str) -> None:
    assert id_of(value) == only_id_of(value) == key
    assert list(ids_of(value)) == list(ids_of([value])) == [key]
    assert check_id(key) == key


def test_several() -> None:
    assert list(ids_of([STARTED, {"job_id": "b", "operation_id": ""}])) == ["bt1op", "job:b"]
    assert list(ids_of(json.dumps([STARTED, STARTED]))) == ["bt1op", "bt1op"]
    assert list(ids_of([Job("a"), JobMessage(id="b"), sdk_objects.JobWrapper("c")])) == ["job:a", "job:b", "job:c"]


@pytest.mark.parametrize(
    "url",
    [
        PAGE,
        f" {PAGE}\n",
        f"{PAGE}/",
        f"{PAGE}?tab=logs&x=1",
        f"{PAGE}#logs",
        f"{PAGE}/files?x#y",
        PAGE.replace("datasphere.", "datasphere-preprod."),
        PAGE.replace("yandex.cloud", "yandex.com"),
        PAGE.replace("https://datasphere.", "HTTPS://DataSphere."),
    ],
)
def test_the_page_of_a_job(url: str) -> None:
    assert id_of(url) == "job:bt1job"
    assert list(ids_of([url, "a"])) == ["job:bt1job", "a"]


@pytest.mark.parametrize(
    "url",
    [
        "https://datasphere.yandex.cloud/communities/bt1c/projects/bt1p",
        f"{PAGE.removesuffix('bt1job')}",
        f"{PAGE} and more",
        PAGE.replace("yandex.cloud", "example.com"),
        PAGE.replace("datasphere.yandex.cloud", "notyandex.cloud"),
        PAGE.replace("datasphere.yandex.cloud", "datasphere.yandex.cloud@evil.example"),
        PAGE.replace("datasphere.yandex.cloud", "["),
        PAGE.replace("https", "ftp"),
        "https://console.yandex.cloud/folders/b1g/compute/operations",
        "https://",
        "https://a/\x1b[2J" + "x" * 10_000,
    ],
)
def test_any_other_url_is_refused(url: str) -> None:
    for ask in (id_of, lambda text: list(ids_of(["a", text]))):
        with pytest.raises(NotAnOperation, match="is a URL and not that of a DataSphere job") as caught:
            ask(url)
        said = str(caught.value)
        assert said.isprintable()
        assert len(said) < 300


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            sdk_objects.TuningTask[Any](None, "task1"),
            "The tuning task task1 does not know its operation yet: call its get_status(), which finds it, "
            "and give it again.",
        ),
        (
            sdk_objects.BatchTaskOperation[Any]("task1"),
            "The batch task task1 has no operation, and its id is that of a task: follow it by its own wait() "
            "or get_status().",
        ),
    ],
)
def test_a_task_that_is_no_operation(value: Any, said: str) -> None:
    for given in (value, [value]):
        with pytest.raises(NotAnOperation) as caught:
            list(ids_of(given))
        assert str(caught.value) == said


class Raising:
    """Whatever it is asked for raises what is no AttributeError."""

    def __init__(self, *there: str) -> None:
        vars(self).update({name: name for name in there})

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


@pytest.mark.parametrize(
    "value",
    [
        Raising(),
        Raising("id"),  # its `done` is not there
        sdk_objects.JobWrapper(""),
        sdk_objects.OperationError(None),
        sdk_objects.Operation[Any](""),
        sdk_objects.TuningTaskInfo("task1", ""),
        {"job_id": "", "operation_id": 3},
        Project(id="bt1p"),
        type("JobWrapper", (), {"job_id": "a"})(),  # of another package
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_stands_for_none(value: Any) -> None:
    assert id_of(value) is None
    with pytest.raises(NotAnOperation, match="is no operation but a"):
        only_id_of(value)


def test_an_attribute_that_raises_is_not_there() -> None:
    assert id_of(Raising("id", "done")) == "id"
    holder = Raising()
    vars(holder)["operation"] = message("a")
    assert id_of(holder) == "a"
    vars(holder)["operation"] = None
    vars(holder)["operations"] = [message("a"), message("b")]
    assert list(ids_of(holder)) == ["a", "b"]


@pytest.mark.parametrize("key", ["job:", "job: a", "job:a b", "job:job:a", f"job:{PAGE}", "job:задание", "job:\x1b[2J"])
def test_a_key_that_names_no_job(key: str) -> None:
    with pytest.raises(InvalidOperationId, match="names no job: its id, of letters, digits") as caught:
        check_id(key)
    assert "\x1b" not in str(caught.value)


def test_the_limit_is_that_of_the_id_in_a_key() -> None:
    longest = f"ai-foundation-models:{'x' * 50}"
    assert check_id(longest) == longest
    assert check_id(f"job:{'x' * 50}") == f"job:{'x' * 50}"
    for prefix in ("job:", "ai-foundation-models:"):
        with pytest.raises(InvalidOperationId, match="it has 51 characters, ids have at most 50"):
            check_id(prefix + "x" * 51)
    assert check_id("a:b c") == "a:b c"  # no key, and an id as any other
