"""Organizations are made by proxy admins and seen by their own."""

from __future__ import annotations

from proxy.stores.entities.kinds import Organization, OrganizationMember
from tests.proxy.admin.harness import Admin
from tests.proxy.admin.test_teams import BLUE, RED, world

OLGA = "sk-olga-0000000001"


async def test_an_organization_is_made_changed_and_deleted() -> None:
    admin = Admin()
    body = {"organization_id": "o", "organization_alias": "O", "max_budget": 5, "models": ["gpt"]}
    made = await admin.done("POST", "/organization/new", body)
    assert (made["organization_id"], made["max_budget"], made["models"]) == ("o", 5.0, ["gpt"])
    assert made["litellm_budget_table"]["max_budget"] == 5.0
    assert (await admin.call("POST", "/organization/new", body)).status == 400
    change = {"organization_id": "o", "organization_alias": "P"}
    changed = await admin.done("PATCH", "/organization/update", change)
    assert (changed["organization_alias"], changed["max_budget"]) == ("P", 5.0)
    gone = await admin.done("DELETE", "/organization/delete", {"organization_ids": ["o"]})
    assert [one["organization_id"] for one in gone] == ["o"]
    client = await admin.call("DELETE", "/organization/delete", {"organization_ids": ["o"]})
    assert client.status == 404


async def test_an_organization_with_teams_stays() -> None:
    admin = world()
    body = {"organization_ids": ["acme"]}
    assert (await admin.call("DELETE", "/organization/delete", body)).status == 400
    assert await admin.store.get(Organization, "acme") is not None
    await admin.done("POST", "/team/delete", {"team_ids": ["red"]})
    await admin.done("DELETE", "/organization/delete", body)
    assert await admin.store.get(OrganizationMember, "acme/olga") is None


async def test_its_admin_sees_it_whole_and_sets_nothing_of_its_money() -> None:
    admin = world()
    info = await admin.done("GET", "/organization/info", {"organization_id": "acme"}, OLGA)
    assert [one["user_id"] for one in info["members"]] == ["olga"]
    assert [one["team_id"] for one in info["teams"]] == ["red"]
    change = {"organization_id": "acme", "organization_alias": "A"}
    await admin.done("PATCH", "/organization/update", change, OLGA)
    for name, value in (("max_budget", 9), ("models", []), ("blocked", False)):
        client = await admin.call("PATCH", "/organization/update", {**change, name: value}, OLGA)
        assert client.status == 403


async def test_a_member_sees_its_name_and_a_stranger_nothing() -> None:
    admin = world()
    office = OrganizationMember(id="acme/bob", organization_id="acme", user_id="bob")
    admin.put(office)
    listed = await admin.done("GET", "/organization/list", None, BLUE)
    assert [one["organization_id"] for one in listed] == ["acme"]
    assert (listed[0]["members"], listed[0]["teams"]) == ([], [])
    assert await admin.done("GET", "/organization/list", None, RED) == []
    query = {"organization_id": "acme"}
    assert (await admin.call("GET", "/organization/info", query, RED)).status == 404
    admin.key("sk-team-service-01", team_id="red", user_id="olga")
    assert await admin.done("GET", "/organization/list", None, "sk-team-service-01") == []
