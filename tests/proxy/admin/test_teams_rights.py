"""A team gets no budget that there is not, and no place where its maker has nothing to say."""

from __future__ import annotations

from tests.proxy.admin.test_teams import RED, world


async def test_a_budget_must_be_there_and_is_given_by_administrators() -> None:
    admin = world()
    body = {"team_id": "red", "budget_id": "gold"}
    assert (await admin.call("POST", "/team/update", body)).status == 404
    await admin.done("POST", "/budget/new", {"budget_id": "gold", "max_budget": 1})
    assert (await admin.done("POST", "/team/update", body))["data"]["budget_id"] == "gold"
    assert (await admin.call("POST", "/team/update", body, "sk-olga-0000000001")).status == 403


async def test_a_team_moves_only_to_where_the_caller_leads() -> None:
    admin = world()
    for caller, organization, status in (
        ("sk-olga-0000000001", "other", 403),
        ("sk-olga-0000000001", None, 403),
        (RED, "acme", 403),
        ("sk-master", "other", 404),
        ("sk-master", None, 200),
    ):
        body = {"team_id": "red", "organization_id": organization}
        assert (await admin.call("POST", "/team/update", body, caller)).status == status
