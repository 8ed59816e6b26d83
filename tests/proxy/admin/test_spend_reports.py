"""Reports are by day, and each of the calls that its reader may see."""

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


async def test_a_report_is_by_day_and_team(admin: Admin) -> None:
    days = {"start_date": "2026-05-12", "end_date": "2026-05-12"}
    [day] = await admin.done("GET", "/global/spend/report", days)
    assert day["group_by_day"].startswith("2026-05-12")
    found = {one["team_name"]: one["total_spend"] for one in day["teams"]}
    assert found == {"Reds": 0.0015, "Unassigned": 0.0015}
    days |= {"group_by": "customer", "end_date": "2026-05-13"}
    found = await admin.done("GET", "/global/spend/report", days)
    assert {one["customer"] for one in found[1]["customers"]} == {"eve", "Unassigned"}


async def test_a_report_of_a_customer_is_of_his_calls_alone(admin: Admin) -> None:
    query = {**DAYS, "group_by": "customer", "customer_id": "eve"}
    [day] = await admin.done("GET", "/global/spend/report", query)
    assert [(one["customer"], one["total_spend"]) for one in day["customers"]] == [("eve", 0.0015)]


async def test_a_report_of_one_key_or_user_is_by_key_and_model(admin: Admin) -> None:
    for named in ({"api_key": "sk-bob"}, {"internal_user_id": "bob"}):
        [row] = await admin.done("GET", "/global/spend/report", {**DAYS, **named})
        assert row["total_cost"] == 0.0045
        assert row["total_input_tokens"] == 30
        assert [one["model"] for one in row["model_details"]] == ["gpt"]
    both = {**DAYS, "team_id": "red", "customer_id": "eve"}
    assert await admin.done("GET", "/global/spend/report", both) == []


@pytest.mark.parametrize(
    ("path", "many", "names"),
    [
        ("/key/spend/report", "api_keys", 2),
        ("/user/spend/report", "users", 2),
        ("/team/spend/report", "teams", 2),
        ("/organization/spend/report", "organizations", 1),
    ],
)
async def test_everybody_gets_a_report_of_what_is_his(
    admin: Admin, path: str, many: str, names: int
) -> None:
    [first, *_] = await admin.done("GET", path, DAYS)
    assert len(first[many]) == names
    rows = await admin.done("GET", path, DAYS, caller="sk-alice")
    assert sum(one["total_spend"] for day in rows for one in day[many]) == 0.0015
    assert await admin.done("GET", path, {**DAYS, "user_id": "bob"}, caller="sk-alice") == []


async def test_days_must_be_given_and_in_their_order(admin: Admin) -> None:
    for query in ({}, {"start_date": "2026-05-14", "end_date": "2026-05-12"}):
        assert (await admin.call("GET", "/global/spend/report", query)).status == 400
