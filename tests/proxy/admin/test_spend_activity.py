"""Calls are counted by day, and everybody counts his own."""

from __future__ import annotations

import pytest

from tests.conformance.journals import DATABASES
from tests.fakes.later import Later
from tests.proxy.admin.harness import Admin
from tests.proxy.admin.recorded import recorded

DAYS = {"start_date": "2026-05-12", "end_date": "2026-05-14"}


@pytest.fixture(params=DATABASES)
def admin(request: pytest.FixtureRequest) -> Later:
    """The routes over recorded calls, in each kind of database."""
    return Later(lambda: recorded(request.param))


async def test_calls_and_tokens_by_day(admin: Admin) -> None:
    answer = await admin.done("GET", "/global/activity", DAYS)
    assert answer["daily_data"][0] == {"date": "May 12", "api_requests": 2, "total_tokens": 30}
    assert (answer["sum_api_requests"], answer["sum_total_tokens"]) == (5, 75)
    mine = await admin.done("GET", "/global/activity", DAYS, caller="sk-alice")
    assert mine["sum_api_requests"] == 2


async def test_the_models_that_are_called_most_come_first(admin: Admin) -> None:
    rows = await admin.done("GET", "/global/activity/model", DAYS)
    assert [(one["model"], one["sum_api_requests"]) for one in rows] == [("gpt", 4), ("other", 1)]


async def test_only_what_was_limited_is_an_exception(admin: Admin) -> None:
    query = {**DAYS, "model_group": "gpt"}
    answer = await admin.done("GET", "/global/activity/exceptions", query)
    assert answer == {"daily_data": [], "sum_num_rate_limit_exceptions": 0}
    assert await admin.done("GET", "/global/activity/exceptions/deployment", query) == []


async def test_what_the_cache_answered(admin: Admin) -> None:
    rows = await admin.done("GET", "/global/activity/cache_hits", DAYS)
    assert sum(one["total_rows"] for one in rows) == 5
    assert {one["cache_hit_true_rows"] for one in rows} == {0}
    assert {one["call_type"] for one in rows} == {"acompletion"}


async def test_days_must_be_given(admin: Admin) -> None:
    assert (await admin.call("GET", "/global/activity")).status == 400
