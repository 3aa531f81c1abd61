"""Tokens: numbered, never shown, never pickled, and hidden in texts and in serialized messages."""

from __future__ import annotations

import pickle
import time

import pytest
from yandex.cloud.operation.operation_pb2 import Operation as OperationMessage

from ds_ops_magic.connection.redaction import overwritten, redacted
from ds_ops_magic.connection.tokens import API_KEY, NoToken, Token, Tokens
from tests.support.echo import KINDS, echo


def test_each_token_has_a_number_of_its_own() -> None:
    tokens = Tokens(Token("one"))
    assert tokens.current == (0, Token("one"))
    tokens.use(Token("two"))
    assert tokens.current == (1, Token("two"))
    tokens.use(Token("two", 60.0))  # the same one, for longer
    assert tokens.current == (1, Token("two", 60.0))
    tokens.use(Token("one"))
    assert tokens.current == (2, Token("one"))
    assert tokens.metadata == (("authorization", "Bearer one"),)


def test_an_api_key_goes_along_in_a_scheme_of_its_own() -> None:
    key = Token.checked(" opaque-s3cr3t\n", scheme=API_KEY)
    assert key.metadata == (("authorization", "Api-Key opaque-s3cr3t"),)
    assert "s3cr3t" not in repr(key)
    for given, said in (("two words", "what it gave is no API key"), ("", "it gave an empty API key")):
        with pytest.raises(NoToken, match=said):
            Token.checked(given, scheme=API_KEY)


def test_a_token_may_have_yet_to_come() -> None:
    tokens = Tokens()
    assert (tokens.current, tokens.metadata) == ((0, None), ())
    assert tokens.redacted("no token") == "no token"
    tokens.use(Token("one"))
    assert tokens.current == (1, Token("one"))


def test_earlier_tokens_are_hidden_too() -> None:
    """A call that was made with one may be refused, in words that quote it, long after the next one came."""
    tokens = Tokens(Token("opaque"))
    for later in ("opaque-as-well", "another"):
        tokens.use(Token(later))
    assert tokens.redacted("not opaque, opaque-as-well or another") == "not (token), (token) or (token)"


def test_only_the_latest_are_remembered() -> None:
    tokens = Tokens()
    for number in range(1000):
        tokens.use(Token(f"opaque{number}-"))
    assert tokens.redacted("opaque999- opaque996-") == "(token) (token)"
    assert tokens.redacted("opaque0-") == "opaque0-"


def test_nothing_of_it_is_shown_or_pickled() -> None:
    tokens = Tokens(Token("s3cr3t"))
    tokens.use(Token("s3cr3t-too"))
    assert "s3cr3t" not in repr(tokens)
    pickled = pickle.dumps(tokens)
    assert b"s3cr3t" not in pickled
    assert pickle.loads(pickled).current == (0, None)  # noqa: S301  # our own


def test_a_text_without_tokens() -> None:
    words = "UNAUTHENTICATED: the token t1 of folder b1gd8a4q is not valid; see https://example.org/t1."
    assert redacted(words) == words
    assert redacted("a Bearer token, not Bearer 0123456789abcdef", "") == "a Bearer token, not Bearer (token)"
    assert redacted("an Api-Key here, not Api-Key 0123456789abcdef") == "an Api-Key here, not Api-Key (token)"
    assert redacted("what s3cr3t said", "s3cr3t") == "what (token) said"


@pytest.mark.parametrize("secret", ["opaque/of=no+shape~s3cr3t", "hunt3r", "four", "x" * 2_000])
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


def test_secrets_that_begin_with_another_or_are_too_short() -> None:
    assert overwritten(b"abcdefghij abcdefgh", "abcdefgh", "abcdefghij") == b"(token)*** (token)*"
    assert overwritten(b"abc: a b c", "abc", "") == b"abc: a b c"


def test_looking_for_tokens_is_cheap() -> None:
    answer = echo("done", "op1", "none").SerializeToString()
    secrets = [f"t1.{number}" + "x" * 200 for number in range(8)]
    start = time.perf_counter()
    for _ in range(1_000):
        overwritten(answer, *secrets)
    assert time.perf_counter() - start < 0.5
