"""What a callable returned or raised, as a response or an error."""

from __future__ import annotations

import json

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Value
from google.protobuf.wrappers_pb2 import BytesValue, StringValue
from google.rpc.status_pb2 import Status

from ds_ops_magic.local.results import MAX_RESPONSE, MAX_TEXT, JobCancelled, Outcome
from ds_ops_magic.model.payload import decode, to_plain


def response(value):
    end = Outcome.from_value(value)
    assert end.error is None
    return decode(Any.FromString(end.response))


def error(exception):
    end = Outcome.from_exception(exception)
    assert end.response is None
    return Status.FromString(end.error)


@pytest.mark.parametrize(("value", "expected"), [(None, Empty()), (Duration(seconds=3), Duration(seconds=3))])
def test_nothing_and_messages(value, expected):
    assert response(value) == expected


@pytest.mark.parametrize(
    "value",
    ["text", "", 0, -7, 2**53, 0.5, True, [], {}, [1, [None, "x"]], {"a": {"б": [1.5, False]}}, ({"a": (1, 2)},)],
)
def test_json(value):
    found = response(value)
    assert isinstance(found, Value)
    assert to_plain(found) == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        {1, 2},
        {1: "keys that are no strings"},
        [float("nan")],
        float("inf"),
        2**53 + 1,
        ["\ud800"],
        {"\ud800": 1},
        1 + 2j,
        object(),
    ],
)
def test_not_json(value):
    found = response(value)
    assert isinstance(found, StringValue)
    assert found.value == repr(value)


class Odd:
    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return "Odd\n" + self.text


@pytest.mark.parametrize(
    ("text", "shown"), [("x" * 5000, f"Odd {'x' * (MAX_TEXT - 5)}…"), (None, "<Odd whose repr fails>")]
)
def test_long_and_failing_repr(text, shown):
    assert response(Odd(text)).value == shown


def test_deep_nesting():
    deep = []
    for _ in range(50):
        deep = [deep]
    assert isinstance(response(deep), StringValue)
    endless = []
    endless.append(endless)
    assert response(endless).value == "[[...]]"


@pytest.mark.parametrize(
    "value", ["x" * (MAX_RESPONSE + 1), [0] * (MAX_RESPONSE // 11), BytesValue(value=b"x" * MAX_RESPONSE)]
)
def test_large_response(value):
    assert len(Outcome.from_value(value).response) < 5000


class Speechless(Exception):
    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("exception", "message"),
    [
        (ValueError("no\nway"), "ValueError: no way"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (ValueError("a\ud800\x1b[31m"), "ValueError: a?\ufffd[31m"),
        (ValueError("x" * 10_000_000), f"ValueError: {'x' * (MAX_TEXT - 13)}…"),
        (Speechless(), "Speechless"),
    ],
    ids=["lines", "none", "control characters", "long", "failing"],
)
def test_message_of_an_exception(exception, message):
    found = error(exception)
    assert (found.code, found.message, list(found.details)) == (2, message, [])


def test_job_cancelled():
    assert error(JobCancelled("x")).code == 1
    assert not issubclass(JobCancelled, Exception)
