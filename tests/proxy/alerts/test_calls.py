"""Slow calls and hanging ones are told of, and nothing that they say."""

from __future__ import annotations

from proxy.alerts.calls import Calls
from tests.proxy.alerts.builders import a_record


def test_a_slow_call_is_told_once() -> None:
    calls = Calls(30.0)
    calls.put(a_record("a", 30.0))
    calls.put(a_record("b", 31.0, model_group="gpt", deployment="d1", key="ci", prompt="marked"))
    [alert] = calls.alerts(1000.0)
    assert (alert.kind, alert.cause) == ("llm_too_slow", "llm_too_slow:gpt:d1")
    assert "31s response time > 30s" in alert.message
    assert "Key: `ci`" in alert.message
    assert "marked" not in f"{alert}"
    assert list(calls.alerts(1000.0)) == []


def test_a_call_that_gives_no_end_hangs() -> None:
    calls = Calls(30.0)
    calls.begin(a_record("a", started=1000.0, model="gpt"))
    assert list(calls.alerts(1030.0)) == []
    [alert] = calls.alerts(1031.0)
    assert alert.kind == "llm_requests_hanging"
    assert "31s without an end" in alert.message
    calls.put(a_record("a", 1.0))
    assert list(calls.alerts(1100.0)) == []


def test_whoever_called_is_known_once() -> None:
    calls = Calls(30.0)
    for digest in ("x", "y", "x", ""):
        calls.put(a_record(key_digest=digest))
    assert calls.ended() == {"x", "y"}
    assert calls.ended() == set()


def test_for_whom_calls_were_made_is_known_once() -> None:
    calls = Calls(30.0)
    calls.put(a_record(end_user="eve", tags=("prod", "x")))
    assert calls.parties() == {("end_user", "eve"), ("tag", "prod"), ("tag", "x")}
    assert calls.parties() == set()


class Book:
    def __init__(self) -> None:
        self.asked = 0
        self.begun: list[str] = []

    def admit(self) -> None:
        self.asked += 1

    def begin(self, record: object) -> None:
        self.begun.append(getattr(record, "id", ""))


def test_who_else_wants_to_know_of_beginnings_is_told() -> None:
    book = Book()
    calls = Calls(30.0, book)
    calls.admit()
    calls.begin(a_record("a"))
    assert (book.asked, book.begun) == (1, ["a"])
    Calls(30.0).admit()
