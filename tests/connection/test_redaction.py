"""Tokens in a text and in serialized messages are replaced, and nothing else."""

from __future__ import annotations

import time

import pytest
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.connection.redaction import overwritten, redacted
from tests.support.echo import KINDS, echo


def test_a_text() -> None:
    words = "UNAUTHENTICATED: the token t1 of folder b1gd8a4q is not valid; see https://example.org/t1."
    assert redacted(words) == words
    assert (
        redacted("a Bearer token is wanted, not Bearer 0123456789abcdef", "")
        == "a Bearer token is wanted, not Bearer (token)"
    )
    assert redacted("what s3cr3t said", "s3cr3t") == "what (token) said"


OPAQUE = "opaque/of=no+shape~s3cr3t"
SHORT = "hunt3r"


@pytest.mark.parametrize("secret", [OPAQUE, SHORT, "four", "x" * 2_000])
@pytest.mark.parametrize("kind", KINDS)
def test_a_message_keeps_its_shape(secret: str, kind: str) -> None:
    mask = "(token)" + "*" * (len(secret) - 7) if len(secret) >= 7 else "*" * len(secret)
    given = echo(kind, "op1", secret)
    made = OperationMessage.FromString(overwritten(given.SerializeToString(), "unknown", secret))
    expected = OperationMessage.FromString(given.SerializeToString())
    assert (made.id, made.done, made.created_at) == (expected.id, expected.done, expected.created_at)
    assert made.description == f"the token {mask}, and {mask}{mask}"
    assert made.created_by == mask
    assert made.metadata.type_url == expected.metadata.type_url.replace(secret, mask)
    assert made.ByteSize() == given.ByteSize()


def test_a_secret_that_begins_with_another() -> None:
    assert overwritten(b"abcdefghij abcdefgh", "abcdefgh", "abcdefghij") == b"(token)*** (token)*"


def test_what_is_too_short_for_a_secret() -> None:
    assert overwritten(b"abc: a b c", "abc", "") == b"abc: a b c"


def test_it_is_cheap() -> None:
    answer, secrets = (
        echo("done", "op1", "none").SerializeToString(),
        [f"t1.{number}" + "x" * 200 for number in range(8)],
    )
    start = time.perf_counter()
    for _ in range(1_000):
        overwritten(answer, *secrets)
    assert time.perf_counter() - start < 0.5
