"""What all calls came to, by each of the things that there are."""

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


async def test_what_was_spent_each_day(admin: Admin) -> None:
    rows = await admin.done("GET", "/global/spend/logs", DAYS)
    assert rows == [
        {"date": "2026-05-12", "spend": 0.003},
        {"date": "2026-05-13", "spend": 0.003},
        {"date": "2026-05-14", "spend": 0.0},
    ]
    mine = await admin.done("GET", "/global/spend/logs", {"api_key": "sk-alice"})
    assert mine == [{"date": "2026-05-12", "spend": 0.0015}]
    assert (await admin.done("GET", "/global/spend/logs", DAYS, caller="sk-alice"))[0] == mine[0]


async def test_the_keys_that_spent_most_come_first(admin: Admin) -> None:
    rows = await admin.done("GET", "/global/spend/keys", {**DAYS, "limit": "2"})
    assert [one["total_spend"] for one in rows] == [0.0045, 0.0015]
    assert len(rows[0]["api_key"]) == 64
    assert len(await admin.done("GET", "/global/spend/keys", {**DAYS, "limit": "1"})) == 1


async def test_the_teams_by_day_and_in_all(admin: Admin) -> None:
    answer = await admin.done("GET", "/global/spend/teams", DAYS)
    assert answer["daily_spend"][0] == {"date": "2026-05-12", "Unassigned": 0.0015, "Reds": 0.0015}
    assert answer["teams"] == ["Unassigned", "Reds"]
    assert answer["total_spend_per_team"][1] == {"team_id": "Reds", "total_spend": 0.0015}


async def test_models_end_users_and_providers(admin: Admin) -> None:
    models = await admin.done("GET", "/global/spend/models", DAYS)
    assert models[0] == {"model": "gpt", "total_spend": 0.0045}
    assert {one["model"] for one in models} == {"gpt", "gpt-4o", "other"}
    body = {"startTime": "2026-05-12", "endTime": "2026-05-14"}
    found = await admin.done("POST", "/global/spend/end_users", body)
    assert found == [{"end_user": "eve", "total_count": 1, "total_spend": 0.0015}]
    assert await admin.done("POST", "/global/spend/end_users", {"api_key": "sk-alice"}) == []
    assert await admin.done("GET", "/global/spend/provider", DAYS) == []


async def test_tags_and_their_names(admin: Admin) -> None:
    row = {"name": "x", "spend": 0.0015, "log_count": 1}
    for query, rows in ((DAYS, [row]), ({**DAYS, "tags": "x, y"}, [row]), ({"tags": "y"}, [])):
        answer = await admin.done("GET", "/global/spend/tags", query)
        assert answer == {"spend_per_tag": rows}
    assert await admin.done("GET", "/global/spend/all_tag_names") == {"tag_names": ["t", "x"]}


@pytest.mark.parametrize("path", ["keys", "teams", "all_tag_names"])
async def test_what_names_others_is_for_administrators(admin: Admin, path: str) -> None:
    assert (await admin.call("GET", f"/global/spend/{path}", caller="sk-alice")).status == 403
