"""Daily activity is LiteLLM's, and adds up."""

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


async def test_a_day_is_broken_down_by_everything(admin: Admin) -> None:
    answer = await admin.done("GET", "/user/daily/activity", DAYS)
    assert [one["date"] for one in answer["results"]] == ["2026-05-14", "2026-05-13", "2026-05-12"]
    day = answer["results"][-1]
    assert (day["metrics"]["spend"], day["metrics"]["api_requests"]) == (0.003, 2)
    parts = day["breakdown"]
    assert set(parts["models"]) == {"gpt", "gpt-4o"}
    assert parts["model_groups"]["gpt"]["metrics"]["spend"] == 0.003
    assert parts["providers"]["unknown"]["metrics"]["total_tokens"] == 30
    assert parts["endpoints"]["chat"]["metrics"]["api_requests"] == 2
    assert set(parts["entities"]) == {"alice", "bob"}
    assert parts["mcp_servers"] == {}
    [alice, bob] = parts["api_keys"].values()
    assert alice["metadata"]["user_id"] == "alice"
    assert alice["metadata"]["key_exists"] is True
    assert bob["metrics"]["spend"] == 0.0015
    [own] = parts["entities"]["alice"]["api_key_breakdown"].values()
    assert own["metrics"]["spend"] == 0.0015
    total = answer["metadata"]
    assert (total["total_spend"], total["total_api_requests"]) == (0.006, 5)
    assert (total["total_failed_requests"], total["total_successful_requests"]) == (1, 4)
    assert (total["page"], total["total_pages"], total["has_more"]) == (1, 1, False)


@pytest.mark.parametrize(
    ("path", "query", "calls", "entities"),
    [
        ("/team/daily/activity", {}, 5, {"red", "Unassigned"}),
        ("/team/daily/activity", {"team_ids": "red, blue"}, 1, {"red"}),
        ("/tag/daily/activity", {}, 5, {"x"}),
        ("/tag/daily/activity", {"tags": "x"}, 1, {"x"}),
        ("/customer/daily/activity", {"end_user_ids": "eve"}, 1, {"eve"}),
        ("/end_user/daily/activity", {}, 5, {"eve"}),
        ("/organization/daily/activity", {}, 5, {"Unassigned"}),
        ("/user/daily/activity/aggregated", {"user_id": "bob"}, 3, {"bob"}),
        ("/user/daily/activity", {"api_key": "sk-alice"}, 2, {"alice"}),
        ("/user/daily/activity", {"model": "other"}, 1, {"alice"}),
    ],
)
async def test_each_is_of_those_that_are_named(
    admin: Admin, path: str, query: dict[str, str], calls: int, entities: set[str]
) -> None:
    answer = await admin.done("GET", path, {**DAYS, **query})
    assert answer["metadata"]["total_api_requests"] == calls
    named = {name for day in answer["results"] for name in day["breakdown"]["entities"]}
    assert named == entities


async def test_everybody_sees_what_is_his(admin: Admin) -> None:
    for path in ("/user/daily/activity", "/tag/daily/activity", "/team/daily/activity"):
        answer = await admin.done("GET", path, DAYS, caller="sk-alice")
        assert answer["metadata"]["total_api_requests"] == 2
        assert "bob" not in str(answer)
        assert "red" not in str(answer)


async def test_teams_bear_their_names(admin: Admin) -> None:
    answer = await admin.done("GET", "/team/daily/activity", DAYS)
    parts = answer["results"][-1]["breakdown"]["entities"]
    assert parts["red"]["metadata"] == {"team_alias": "Reds"}


async def test_days_must_be_given(admin: Admin) -> None:
    assert (await admin.call("GET", "/user/daily/activity")).status == 400
