"""Keys: what is asked where, and how ids are shown."""

from __future__ import annotations

import pickle

import pytest

from ds_ops_magic import Job
from ds_ops_magic.model.ids import key_of, shown_id, split_key


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("bt1k9s3c2nq8r5v7m0fd", ("operation", "bt1k9s3c2nq8r5v7m0fd")),
        ("job:bt1k9s3c", ("job", "bt1k9s3c")),
        ("ai-foundation-models:a_b-C", ("ai-foundation-models", "a_b-C")),
        ("job:", ("operation", "job:")),
        ("Job:a", ("operation", "Job:a")),
        ("-a:b", ("operation", "-a:b")),
        ("a--b:c", ("operation", "a--b:c")),
        ("unix:/tmp/x", ("operation", "unix:/tmp/x")),
        ("https://a", ("operation", "https://a")),
        ("note: text", ("operation", "note: text")),
        ("a:b:c", ("operation", "a:b:c")),
        ("job:a\n", ("operation", "job:a\n")),
        ("", ("operation", "")),
    ],
)
def test_what_a_key_is_made_of(key: str, parts: tuple[str, str]) -> None:
    assert split_key(key) == parts
    assert key_of(*parts) == key


def test_a_job_by_its_id() -> None:
    job = Job("bt1")
    assert job.key == "job:bt1"
    assert pickle.loads(pickle.dumps(job)) == job  # noqa: S301  # our own
    assert repr(job) == "Job(id='bt1')"


def test_a_key_is_shown_whole() -> None:
    assert shown_id("a" * 60) == "a" * 49 + "…"
    assert shown_id(f"ai-foundation-models:{'a' * 50}") == f"ai-foundation-models:{'a' * 50}"
    assert shown_id("\x1b[31mjob:a") != "\x1b[31mjob:a"
