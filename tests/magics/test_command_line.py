"""The command line of %op: what is understood, and that what is not gets one sentence."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import pytest
from IPython.core.error import UsageError

from ds_ops_magic.magics import command_line
from ds_ops_magic.magics.command_line import count, parser_of, seconds, split, unquoted, variable_name
from ds_ops_magic.magics.subcommands import SUBCOMMANDS

WAIT_DEFAULTS = {
    **dict.fromkeys(("timeout", "last", "notify", "output")),
    **dict.fromkeys(("any", "fail_fast", "no_raise", "quiet"), False),
    "targets": [],
}


def parse(name: str, *words: str) -> Any:
    return command_line.parse(SUBCOMMANDS[name], list(words))


def refusal(subcommand: str, *words: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse(subcommand, *words)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  \t ", []),
        ("wait a  b", ["wait", "a", "b"]),
        ("wait {a + b} c", ["wait", "{a + b}", "c"]),
        ("wait jobs[0] jobs[1 + 1]", ["wait", "jobs[0]", "jobs[1 + 1]"]),
        ("wait jobs['x y'].last", ["wait", "jobs['x y'].last"]),
        ('wait jobs["x ] y"]', ["wait", 'jobs["x ] y"]']),
        ("wait {[o for o in (a, b)]} --any", ["wait", "{[o for o in (a, b)]}", "--any"]),
        ("wait {f('}')} b", ["wait", "{f('}')}", "b"]),
        ("wait {{'a': 1}['a']}", ["wait", "{{'a': 1}['a']}"]),
        ("wait a)", ["wait", "a)"]),  # a bracket that closes nothing is part of the word
    ],
)
def test_splitting(line: str, words: list[str]) -> None:
    assert split(line) == words


@pytest.mark.parametrize(
    ("line", "missing"),
    [("wait {a", "}"), ("wait jobs[0", "]"), ("wait f(a", ")"), ("wait 'a", "'"), ('wait jobs["a]', '"')],
)
def test_unclosed_brackets_and_quotes(line: str, missing: str) -> None:
    with pytest.raises(UsageError, match="is missing at the end of") as caught:
        split(line)
    assert f"%op: {missing} is missing" in str(caught.value)


def test_the_options_of_wait() -> None:
    options = parse("wait", "a", "--timeout", "10m", "--any", "--no-raise", "--quiet", "-o", "x")
    given = {"targets": ["a"], "timeout": 600.0, "any": True, "no_raise": True, "quiet": True, "output": "x"}
    assert vars(options) == {**WAIT_DEFAULTS, **given}
    refusal("wait", "a", "--frobnicate")
    assert vars(parse("wait")) == WAIT_DEFAULTS  # nothing is kept from line to line


def test_the_options_of_list() -> None:
    defaults = {"project": None, "running": False, "limit": 20, "since": None, "all": False, "output": None}
    assert vars(parse("list")) == defaults
    options = parse("list", "--running", "--limit", "5", "--since", "2d", "--all", "-o", "x")
    given = {"running": True, "limit": 5, "since": 172800.0, "all": True, "output": "x"}
    assert vars(options) == {**defaults, **given}


def test_the_options_of_connect() -> None:
    options = parse("connect", "127.0.0.1:80", "--iam-token-env", "TOKEN", "--ca", "ca.pem")
    others = {"discovery": None, "api_key_env": None, "sa_key": None, "profile": None}
    assert vars(options) == {"target": "127.0.0.1:80", "iam_token_env": "TOKEN", "ca": "ca.pem", **others}
    assert parse("connect", "--sa-key", "'my key.json'").sa_key == "my key.json"
    assert parse("connect").target is None


@pytest.mark.parametrize("words", [["a", "--no-raise", "b"], ["--timeout", "5", "a", "b"], ["a", "-o", "x", "b"]])
def test_options_may_stand_anywhere(words: list[str]) -> None:
    assert parse("wait", *words).targets == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("wait --frobnicate", "%op wait: unrecognized arguments: --frobnicate. See: %op help wait"),
        ("wait a --any --fail-fast", "not allowed with argument --any"),
        ("wait a --timeout", "argument --timeout: expected one argument"),
        ("wait a --time 3", "unrecognized arguments: --time"),  # abbreviations would bind us for ever
        ("wait a -o", "expected one argument"),
        ("wait a -o 1x", "'1x' is no name of a variable"),
        ("wait --last 0", "'0' is no number of operations"),
        ("list --limit 0", "'0' is no number of operations"),
        ("list --since ever", "'ever' is no length of time"),
        ("watch", "%op watch: the following arguments are required: TARGET. See: %op help watch"),
        ("cancel", "%op cancel: the following arguments are required: TARGET. See: %op help cancel"),
        ("cancel --wait", "the following arguments are required: TARGET"),
        ("connect a b", "unrecognized arguments: b"),
        ("help nonsense", "invalid choice: 'nonsense'"),
    ],
)
def test_one_sentence_about_an_error(words: str, message: str) -> None:
    assert message in refusal(*words.split())


@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
@pytest.mark.parametrize("flags", [["-h"], ["--help"], ["-h", "--frobnicate"]])
def test_help_is_text_and_no_exit(subcommand: str, flags: list[str]) -> None:
    text = parse(subcommand, *flags)
    assert isinstance(text, str)
    assert text.startswith(f"usage: %op {subcommand}")
    assert all(flag in text for flag in parser_of(SUBCOMMANDS[subcommand])._option_string_actions)


@pytest.mark.parametrize(
    ("text", "value"),
    [("30", 30), ("30s", 30), ("0", 0), ("0.5", 0.5), ("10m", 600), ("2h", 7200), ("1d", 86400), (" 1.5H ", 5400)],
)
def test_lengths_of_time(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    ("read", "wrong", "sentence"),
    [
        (
            seconds,
            f"s -1 1x 1e3 inf nan 0x10 1m30s None {'9' * 400}",
            "is no length of time: give 30, 30s, 10m, 2h or 1d",
        ),
        (count, "0 -1 1.5 many", "is no number of operations: give 1 or more"),
        (variable_name, "1x class a.b", "is no name of a variable"),
    ],
)
def test_values_refused(read: Callable[[str], object], wrong: str, sentence: str) -> None:
    for text in ("", "1 m", *wrong.split()):
        with pytest.raises(argparse.ArgumentTypeError, match=sentence):
            read(text)


def test_other_values() -> None:
    assert count("1") == 1
    assert variable_name("имя") == "имя"
    assert [unquoted(text) for text in ("'a b'", '"a"', "a", "'a", "'", "''")] == ["a b", "a", "a", "'a", "'", ""]
