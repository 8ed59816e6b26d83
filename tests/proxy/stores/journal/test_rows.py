"""A record's row has a column for what is searched for, and holds what a database can keep."""

from __future__ import annotations

import orjson

from pipelines.record import AttemptRecord, Record
from pipelines.usage import Usage
from proxy.stores.journal.rows import MOST, row_id, row_of


def a_record(id: str = "call-1", **more: object) -> Record:
    fields = {"operation": "chat", "outcome": "ok", "status": 200, "duration": 1.5, **more}
    return Record(id, **fields)  # type: ignore[arg-type]


def test_a_row_holds_who_called_and_what_it_cost() -> None:
    record = a_record(
        started=1_793_000_000.0,
        key="alice",
        key_id="k1",
        user_id="u1",
        tags=("red",),
        cost=12_345,
        cost_source="table",
        usage=Usage(7, 9, cached_tokens=3),
        attempts=(AttemptRecord("d1", 0.25, "it failed"),),
    )
    row = row_of(record)
    assert (row["id"], row["ended"], row["cost"]) == ("call-1", 1_793_000_001.5, 12_345)
    assert (row["key_id"], row["key_alias"], row["user_id"]) == ("k1", "alice", "u1")
    assert (row["prompt_tokens"], row["completion_tokens"]) == (7, 9)
    assert orjson.loads(row["data"]) == {
        "usage": {"cached_tokens": 3},
        "cost_source": "table",
        "attempts": [["d1", 0.25, "it failed"]],
        "tags": ["red"],
    }


def test_an_unknown_cost_stays_unknown() -> None:
    assert row_of(a_record())["cost"] is None


def test_what_no_database_can_keep_is_made_fit() -> None:
    row = row_of(a_record(model="a\0b\ud800" + "x" * 5_000, usage=Usage(2**64, 2**64)))
    assert row["model"].startswith("ab?xxx")
    assert len(row["model"]) < 1_000
    assert row["prompt_tokens"] == row["completion_tokens"] == MOST


def test_calls_to_which_a_client_gave_one_id_are_rows_of_their_own() -> None:
    first, second = a_record("mine", serial="s1"), a_record("mine", serial="s2")
    assert row_id(first) == "mine~s1"
    assert row_id(second) == "mine~s2"
    assert row_id(a_record("s3", serial="s3")) == "s3"


def test_a_row_tells_what_was_told_of_the_call_and_keeps_texts_apart() -> None:
    row = row_of(
        a_record(
            session_id="s",
            trace_id="t",
            provider_request_id="req",
            error_class="timeout",
            model="asked",
            model_group="served",
            metadata={"generation_name": "g"},
            user_agent="agent\0",
            overhead=0.002,
            sent_bytes=7,
            prompt='[{"role":"user"}]',
            answer="\ud800",
            attempts=(AttemptRecord("d", 1.0, "late", "retry", "timeout", 0.5, 3),),
        )
    )
    assert (row["session_id"], row["trace_id"], row["provider_request_id"]) == ("s", "t", "req")
    assert (row["error_class"], row["model"], row["model_group"]) == ("timeout", "asked", "served")
    assert (row["prompt"], row["answer"]) == ('[{"role":"user"}]', "?")
    data = orjson.loads(row["data"])
    assert data["metadata"] == '{"generation_name":"g"}'
    assert (data["user_agent"], data["overhead"], data["sent_bytes"]) == ("agent", 0.002, 7)
    assert data["attempts"] == [["d", 1.0, "late", "retry", "timeout", 0.5, 3]]
    assert "prompt" not in data


def test_a_time_that_is_none_is_the_first_day() -> None:
    for moment in (-1.0, 1e300, float("nan")):
        assert row_of(a_record(started=moment))["day"] == 0
