"""A member has what his team gives to all, where he has nothing of his own."""

from __future__ import annotations

from proxy.admin.teams_answers import effective
from proxy.stores.entities.kinds import Membership, Team
from tests.proxy.admin.test_teams import BLUE, RED, world

TEAM = Team(id="t", member_max_budget=5, member_budget_duration="1d", member_rpm_limit=3)


def test_the_teams_limits_fill_the_gaps() -> None:
    row = effective(Membership(id="t/u", team_id="t", user_id="u", max_budget=9), TEAM)
    assert (row.max_budget, row.budget_duration, row.rpm_limit) == (9, "1d", 3)


def test_a_shared_budget_fills_them_instead() -> None:
    row = effective(Membership(id="t/u", team_id="t", user_id="u", budget_id="b"), TEAM)
    assert (row.max_budget, row.budget_duration) == (None, None)


async def test_what_another_member_spent_is_his_own_matter() -> None:
    admin = world()
    admin.member("red", "bob")
    rows = (await admin.done("GET", "/team/info", {"team_id": "red"}, BLUE))["team_memberships"]
    assert [one["user_id"] for one in rows] == ["bob"]
    rows = (await admin.done("GET", "/team/info", {"team_id": "red"}, RED))["team_memberships"]
    assert {one["user_id"] for one in rows} == {"ann", "bob"}
