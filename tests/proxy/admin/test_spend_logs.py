"""Spend logs have LiteLLM's fields, and show nobody another's calls."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.stores.database.engine import writing
from proxy.stores.entities.kinds import Key
from proxy.stores.journal.batches import write_batch
from proxy.stores.journal.rows import row_of
from tests.conformance.journals import DATABASES
from tests.fakes.later import Later
from tests.proxy.admin.harness import Admin
from tests.proxy.admin.recorded import a_call, recorded


@pytest.fixture(params=DATABASES)
def admin(request: pytest.FixtureRequest) -> Later:
    """The routes over recorded calls, in each kind of database."""
    return Later(lambda: recorded(request.param))


async def ids(admin: Admin, caller: str = "sk-master", **query: Any) -> list[str]:
    return [one["request_id"] for one in await admin.done("GET", "/spend/logs", query, caller)]


async def test_a_call_has_litellms_fields(admin: Admin) -> None:
    [row] = await admin.done("GET", "/spend/logs", {"request_id": "a1"})
    digest = admin.store.rows["key", "id-alice"]
    assert isinstance(digest, Key)
    assert row["api_key"] == digest.digest
    assert (row["call_type"], row["model"], row["model_group"]) == ("acompletion", "gpt-4o", "gpt")
    assert (row["spend"], row["total_tokens"], row["request_tags"]) == (0.0015, 15, ["x"])
    assert row["startTime"] == "2026-05-12T10:00:00Z"
    assert row["completionStartTime"] == "2026-05-12T10:00:00.500000Z"
    assert (row["status"], row["request_duration_ms"]) == ("success", 1500)
    assert row["messages"] == row["response"] == {}


async def test_calls_are_found_by_key_user_id_and_day(admin: Admin) -> None:
    assert await ids(admin) == ["a2", "mine", "mine", "b1", "a1"]
    assert await ids(admin, api_key="sk-alice") == ["a2", "a1"]
    assert await ids(admin, api_key="sk-nobody") == []
    assert await ids(admin, user_id="bob") == ["mine", "mine", "b1"]
    assert await ids(admin, request_id="mine") == ["mine", "mine"]
    assert await ids(admin, request_id="min%") == []
    days = {"start_date": "2026-05-12", "end_date": "2026-05-13", "summarize": "false"}
    assert await ids(admin, **days) == ["mine", "mine", "b1", "a1"]


async def test_a_summary_has_a_row_for_every_day(admin: Admin) -> None:
    days = {"start_date": "2026-05-12", "end_date": "2026-05-15"}
    found = await admin.done("GET", "/spend/logs", days)
    assert [(one["startTime"], one["spend"]) for one in found] == [
        ("2026-05-12", 0.003),
        ("2026-05-13", 0.003),
        ("2026-05-14", 0.0),
        ("2026-05-15", 0.0),
    ]
    assert found[0]["users"] == {"alice": 0.0015, "bob": 0.0015}
    assert found[0]["models"] == {"gpt": 0.003}
    key = admin.store.rows["key", "id-bob"]
    assert isinstance(key, Key)
    assert found[1][key.digest] == 0.003


async def test_days_in_the_wrong_order_are_refused(admin: Admin) -> None:
    days = {"start_date": "2026-05-12", "end_date": "2026-05-11"}
    assert (await admin.call("GET", "/spend/logs", days)).status == 400


async def test_everybody_sees_his_own_calls_only(admin: Admin) -> None:
    assert await ids(admin, "sk-alice") == ["a2", "a1"]
    assert await ids(admin, "sk-alice", user_id="bob") == []
    assert await ids(admin, "sk-alice", api_key="sk-bob") == []
    assert await ids(admin, "sk-bob") == ["mine", "mine", "b1"]


async def test_pages_are_counted(admin: Admin) -> None:
    page = await admin.done("GET", "/spend/logs/v2", {"page": "2", "page_size": "2"})
    assert (page["total"], page["total_pages"], page["page_size"]) == (5, 3, 2)
    assert [one["request_id"] for one in page["data"]] == ["mine", "b1"]
    failed = await admin.done("GET", "/spend/logs/ui", {"status_filter": "failure"})
    assert [one["status"] for one in failed["data"]] == ["failure"]


async def test_a_cursor_leads_on_to_every_call_once(admin: Admin) -> None:
    met: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"page_size": "2", **({"cursor": cursor} if cursor else {})}
        page = await admin.done("GET", "/spend/logs/v2", query)
        met += [one["request_id"] for one in page["data"]]
        assert page["total"] == 5
        cursor = page["next_cursor"]
    assert met == ["a2", "mine", "mine", "b1", "a1"]
    for query in ({"cursor": "x"}, {"cursor": "nan~x"}, {"cursor": "1~x", "sort_order": "asc"}):
        assert (await admin.call("GET", "/spend/logs/v2", query)).status == 400


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"model": "gpt-4o"}, ["a1"]),
        ({"model_group": "other"}, ["a2"]),
        ({"min_spend": "0.001", "team_id": "red"}, ["b1"]),
        ({"max_spend": "0"}, ["a2"]),
        ({"cache_hit_filter": "hit"}, []),
        ({"error_code": "502"}, []),
        ({"error_code": "Timeout"}, []),
        ({"error_message": "boom"}, []),
        ({"session_id": "s"}, []),
        ({"custom_llm_provider": "openai"}, []),
        ({"sort_by": "spend", "sort_order": "asc", "page_size": "1"}, ["a2"]),
        ({"start_date": "2026-05-12 10:00:00", "end_date": "2026-05-12 10:00:01"}, ["b1", "a1"]),
    ],
)
async def test_filters(admin: Admin, query: dict[str, str], ids: list[str]) -> None:
    page = await admin.done("GET", "/spend/logs/v2", query)
    assert [one["request_id"] for one in page["data"]] == ids


async def test_prompt_and_answer_are_there_where_they_were_kept(admin: Admin) -> None:
    assert admin.backing.calls is not None
    row = row_of(a_call("kept", user_id="alice"))
    row |= {"prompt": '[{"role":"user","content":"Hi"}]', "answer": "Ho"}
    async with writing(admin.backing.calls._engine) as connection:
        await write_batch(connection, [row])
    answer = await admin.done("GET", "/spend/logs/ui/kept", caller="sk-alice")
    assert answer["messages"] == [{"role": "user", "content": "Hi"}]
    assert answer["response"] == "Ho"
    assert (await admin.done("GET", "/spend/logs/ui/a1"))["messages"] is None
    assert (await admin.call("GET", "/spend/logs/ui/kept", caller="sk-bob")).status == 404


async def test_without_recorded_calls_it_says_so(admin: Admin) -> None:
    admin.backing.calls = None
    assert (await admin.call("GET", "/spend/logs")).status == 400
