"""From what a user names to ids: every kind of thing that stands for operations, and a sentence for what does not."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pandas
import pytest
from google.protobuf.json_format import MessageToDict
from IPython.core.error import UsageError
from yandexcloud.operations import OperationResult

from ds_ops_magic import Job, Operation, Operations, connect
from ds_ops_magic.magics.command_line import split
from ds_ops_magic.magics.targets import Scope, Targets, resolve, resolve_value, with_progress
from ds_ops_magic.model.errors import WaitInterrupted
from tests.support import sdk_objects
from tests.support.scripted import ScriptedServer, message

PAGE = "https://datasphere.yandex.cloud/communities/bt1c/projects/bt1p/job/bt1job"


def op(name: str) -> Operation:
    return Operation.from_proto(message(name))


def found(*words: str, **namespace: Any) -> Targets:
    return resolve(words, Scope(namespace, lambda expression: eval(expression, {}, namespace)))  # noqa: S307


def refusal(*words: str, **namespace: Any) -> str:
    with pytest.raises(UsageError) as caught:
        found(*words, **namespace)
    said = str(caught.value)
    assert "\n" not in said
    return said


ONE = [
    (op("a"), "a"),
    (message("a"), "a"),
    ("bt1k9s3c2nq8r5v7m0fd", "bt1k9s3c2nq8r5v7m0fd"),
    (MessageToDict(message("a")), "a"),
    (OperationResult(message("a")), "a"),
    (SimpleNamespace(operation=op("a")), "a"),
    (Job("a"), "job:a"),
    (PAGE, "job:bt1job"),
    (sdk_objects.JobWrapper("a"), "job:a"),
    (sdk_objects.Operation[Any]("a", "ai-foundation-models"), "ai-foundation-models:a"),
    ({"job_id": "b", "operation_id": "a"}, "a"),
]
SEVERAL = [
    [op("a"), op("b")],
    (op("a"), "b"),
    [message("a"), {"id": "b"}],
    Operations([op("a"), op("b")]),
    {"first": op("a"), "second": "b"},
    {"first": op("a"), "second": "b"}.values(),
    {"id": op("a"), "x": op("b")},  # a dictionary whose id is no text is one of operations
    pandas.DataFrame({"id": ["a", "b"]})["id"],
    pandas.Series([op("a"), op("b")]),
    pandas.Index(["a", "b"]),
    map(op, "ab"),
    iter(["a", "b"]),
    (op(name) for name in "ab"),
    Operations([op("a"), op("b")]).to_frame()["id"],
]


@pytest.mark.parametrize(("value", "name"), ONE)
def test_what_stands_for_one_operation(value: Any, name: str) -> None:
    assert resolve_value(value, "x") == Targets((name,), single=True)
    assert resolve_value([value], "x") == Targets((name,), single=False)


@pytest.mark.parametrize("values", SEVERAL, ids=lambda values: type(values).__name__)
def test_what_holds_several(values: Any) -> None:
    assert resolve_value(values, "x") == Targets(("a", "b"), single=False)


def test_a_set_and_a_row_of_a_table() -> None:
    assert set(resolve_value({op("a"), op("b")}, "x").ids) == {"a", "b"}
    frame = pandas.DataFrame({"id": ["a", "b"]})
    assert resolve_value(frame[frame["id"] == "b"]["id"], "x").ids == ("b",)


def test_a_watch_stands_for_what_it_follows() -> None:
    with ScriptedServer(lambda call: message(call.id)) as server, connect(server.address) as client:
        watch = client.watch("a", "b", "a")
        assert resolve_value(watch, "x") == Targets(("a", "b", "a"), single=False)
        assert resolve_value([watch, "c"], "x") == Targets(("a", "b", "a", "c"), single=False)


def test_kinds_of_words() -> None:
    holder = SimpleNamespace(op=op("attribute"), deep=SimpleNamespace(ops=[op("deep")]))
    jobs = {"x y": op("subscript")}
    words = ["name", "holder.op", "holder.deep.ops[0]", "jobs['x y']", "{[op('expression')][0]}", "bt1k9s3c2nq8"]
    targets = found(*words, name=op("name"), holder=holder, jobs=jobs, op=op)
    assert targets.ids == ("name", "attribute", "deep", "subscript", "expression", "bt1k9s3c2nq8")
    assert not targets.single
    assert found("a", "x", "a", x=[op("a")]).ids == ("a", "a", "a")


def test_a_variable_wins_over_an_id() -> None:
    assert found("loc1", loc1=op("another")) == Targets(("another",), single=True)
    assert found("'loc1'", loc1=op("another")).ids == ("loc1",)


@pytest.mark.parametrize("word", ["a-b", "123", "0abc", "a/b", "'quoted'", '"quoted"', "import", "имя", "a:b", "a b"])
def test_anything_else_is_an_id(word: str) -> None:
    assert found(word) == Targets((word.strip("'\""),), single=True)


@pytest.mark.parametrize("word", [PAGE, f"'{PAGE}'", f"{PAGE}?tab=[1]&x=$", f"{PAGE}#logs", f"{PAGE}/"])
def test_the_page_of_a_job_is_a_job(word: str) -> None:
    assert found(*split(f"{word} b")).ids == ("job:bt1job", "b")
    assert found(word) == Targets(("job:bt1job",), single=True)


def test_any_other_url_is_refused() -> None:
    said = refusal("a", "https://console.yandex.cloud/folders/b1g?x=[1]")
    assert said.startswith(
        "%op: 'https://console.yandex.cloud/folders/b1g?x=[1]' is a URL and not that of a DataSphere"
    )
    task = sdk_objects.BatchTaskOperation[Any]("task1")
    assert refusal("x", x=task).startswith("%op: The batch task task1 has no operation")
    assert refusal("{[x]}", x=task).startswith("%op: The batch task task1 has no operation")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "%op: x is no operation but None. Give an operation or its id."),
        (3, "%op: x is no operation but an int. Give an operation or its id."),
        (Operation, "%op: x is no operation but a type."),
        ([], "%op: x holds no operation."),
        ({}, "%op: x holds no operation."),
        (iter(()), "%op: x holds no operation."),
        ([op("a"), op("b"), 7], "%op: item 2 of x is no operation but an int."),
        ({"a": op("a"), "b": {"name": "no id"}}, "%op: item 1 of x is no operation but a dict."),
        (pandas.Series(["a", float("nan")], dtype=object), "%op: item 1 of x is no operation but a float."),
        (pandas.DataFrame({"id": ["a"]}), "%op: x is no operation but a DataFrame. Give the column that has the ids."),
        ('{"id": ', "%op: '{\"id\":' begins as JSON does, and cannot be read: Expecting value"),
        ({"id": 5}, "%op: item 0 of x is no operation but an int."),
    ],
)
def test_what_is_no_operation_is_named(value: Any, said: str) -> None:
    assert refusal("x", x=value).startswith(said)


def test_an_expression_that_fails() -> None:
    assert refusal("{1/0}") == "%op: 1/0 cannot be evaluated: ZeroDivisionError: division by zero"
    assert refusal("{1 +}").startswith("%op: 1 + cannot be evaluated: SyntaxError")
    assert refusal("{}").startswith("%op:  cannot be evaluated: SyntaxError")
    assert refusal("x.missing", x=op("a")).startswith("%op: x.missing cannot be evaluated: AttributeError")
    assert refusal("x[3]", x=[]) == "%op: x[3] cannot be evaluated: IndexError: list index out of range"
    for word in ("(ids[0],)", "ids[0],ids[1]", "*ids", "$ids", "started(3)"):
        assert refusal(word, ids=["a", "b"]).endswith(
            f" is neither an id nor a variable. An expression stands in braces: {{{word}}}"
        )
    assert refusal("nowhere.op") == "%op: there is no variable 'nowhere'. Give an id, a variable or {an expression}."


def test_an_iterator_that_fails_keeps_what_it_gave() -> None:
    half: Any = lambda number: op(str(2 // number))  # noqa: E731
    said = "%op: x cannot be evaluated: ZeroDivisionError: integer division or modulo by zero"
    assert refusal("x", x=map(half, [0])) == said
    more = "2 operations came before it; %op wait with no id waits for these."
    wrong = f"%op: item 2 of x is no operation but None. Give an operation or its id. {more}"
    for values, sentence in ((map(half, [2, 1, 0]), f"{said}. {more}"), (iter([op("1"), op("2"), None]), wrong)):
        read: list[str] = []
        with pytest.raises(UsageError) as caught:
            resolve_value(values, "x", read)
        assert (str(caught.value), read) == (sentence, ["1", "2"])
    kept: list[str] = []
    with pytest.raises(UsageError):
        resolve_value([op("a"), None], "x", kept)
    assert kept == []  # a list can be asked again


def test_stop_keeps_what_a_generator_gave() -> None:
    def started() -> Iterator[Any]:
        yield op("a")
        yield op("b")
        raise KeyboardInterrupt

    read: list[str] = []
    with pytest.raises(WaitInterrupted) as caught:
        resolve_value(started(), "{started()}", read)
    assert str(caught.value).splitlines() == [
        "Stopped reading {started()} after 2 operations, which go on.",
        "To wait for what it gave: %op wait with no id",
    ]
    assert read == ["a", "b"]


def test_progress_of_a_slow_generator(capsys: pytest.CaptureFixture[str]) -> None:
    moments = iter([0.0, 0.5, 1.9, 3.0, 4.0, 5.9, 6.5, 7.0])
    names = list("abcdefg")
    assert list(with_progress(names, "slow()", lambda: next(moments))) == names
    assert capsys.readouterr().out.splitlines() == [
        "%op: reading slow(): 3 operations so far, in 3.0 s",
        "%op: reading slow(): 6 operations so far, in 6.5 s",
    ]


def test_hostile_text_is_cleaned_and_cut() -> None:
    bad = "\x1b]0;owned\x07\u202e"
    said = refusal("{fail()}", fail=lambda: (_ for _ in ()).throw(ValueError(bad)))
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert len(refusal("{" + "1 / 0 + " * 1000 + "1}")) < 300
