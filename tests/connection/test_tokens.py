"""The token in use and those before it: told apart by numbers, never shown, never pickled."""

from __future__ import annotations

import pickle

from ds_ops_magic.connection.tokens import Token, Tokens


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
