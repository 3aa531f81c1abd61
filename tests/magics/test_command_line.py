"""The command line of %op: what is understood, and that what is not gets one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.error import UsageError

from ds_ops_magic.magics import command_line
from ds_ops_magic.magics.command_line import parser_of, split
from ds_ops_magic.magics.subcommands import SUBCOMMANDS


def parse(name: str, words: list[str]) -> Any:
    return command_line.parse(SUBCOMMANDS[name], words)


def refusal(subcommand: str, *words: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse(subcommand, list(words))
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
        ("connect unix:/tmp/a.sock", ["connect", "unix:/tmp/a.sock"]),
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
    options = parse("wait", ["a", "--timeout", "10m", "--any", "--no-raise", "--quiet", "-o", "x"])
    assert vars(options) == {
        "targets": ["a"],
        "timeout": 600.0,
        "any": True,
        "fail_fast": False,
        "last": None,
        "no_raise": True,
        "quiet": True,
        "notify": None,
        "output": "x",
    }


def test_the_options_of_list() -> None:
    assert vars(parse("list", [])) == {"running": False, "limit": 20, "since": None, "all": False, "output": None}
    options = parse("list", ["--running", "--limit", "5", "--since", "2d", "--all", "-o", "x"])
    assert vars(options) == {"running": True, "limit": 5, "since": 172800.0, "all": True, "output": "x"}


def test_defaults() -> None:
    options = parse("wait", [])
    assert (options.targets, options.timeout, options.output) == ([], None, None)
    assert not any((options.any, options.fail_fast, options.no_raise, options.quiet))
    assert parse("get", []).targets == []
    assert not parse("cancel", ["a"]).wait


@pytest.mark.parametrize("words", [["a", "--no-raise", "b"], ["--timeout", "5", "a", "b"], ["a", "-o", "x", "b"]])
def test_options_may_stand_anywhere(words: list[str]) -> None:
    assert parse("wait", words).targets == ["a", "b"]
    assert parse("cancel", ["a", "--wait", "b"]).targets == ["a", "b"]


def test_the_options_of_connect() -> None:
    options = parse("connect", ["127.0.0.1:80", "--iam-token-env", "TOKEN", "--ca", "ca.pem"])
    others = {"discovery": None, "sa_key": None, "profile": None}
    assert vars(options) == {"target": "127.0.0.1:80", "iam_token_env": "TOKEN", "ca": "ca.pem", **others}
    assert parse("connect", ["--sa-key", "'my key.json'"]).sa_key == "my key.json"
    assert parse("connect", []).target is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("wait", "--frobnicate"), "%op wait: unrecognized arguments: --frobnicate. See: %op help wait"),
        (("wait", "a", "--any", "--fail-fast"), "not allowed with argument --any"),
        (("wait", "a", "--timeout"), "argument --timeout: expected one argument"),
        (("wait", "a", "--time", "3"), "unrecognized arguments: --time"),  # abbreviations would bind us for ever
        (("wait", "a", "-o"), "expected one argument"),
        (("wait", "a", "-o", "1x"), "'1x' is no name of a variable"),
        (("wait", "a", "-o", "class"), "'class' is no name of a variable"),
        (("wait", "a", "-o", "a.b"), "'a.b' is no name of a variable"),
        (("watch",), "%op watch: the following arguments are required: TARGET. See: %op help watch"),
        (("cancel",), "%op cancel: the following arguments are required: TARGET. See: %op help cancel"),
        (("cancel", "--wait"), "the following arguments are required: TARGET"),
        (("connect", "a", "b"), "unrecognized arguments: b"),
        (("help", "nonsense"), "invalid choice: 'nonsense'"),
    ],
)
def test_one_sentence_about_an_error(words: tuple[str, ...], message: str) -> None:
    assert message in refusal(*words)


@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_text_and_no_exit(subcommand: str, flag: str) -> None:
    text = parse(subcommand, [flag])
    assert isinstance(text, str)
    assert text.startswith(f"usage: %op {subcommand}")
    assert all(flag in text for flag in parser_of(SUBCOMMANDS[subcommand])._option_string_actions)


def test_help_wins_over_errors() -> None:
    assert isinstance(parse("wait", ["-h", "--frobnicate"]), str)


def test_nothing_is_kept_from_line_to_line() -> None:
    parse("wait", ["a", "--any", "-o", "x"])
    refusal("wait", "a", "--frobnicate")
    assert vars(parse("wait", ["b"])) == {
        "targets": ["b"],
        "timeout": None,
        "any": False,
        "fail_fast": False,
        "last": None,
        "no_raise": False,
        "quiet": False,
        "notify": None,
        "output": None,
    }
