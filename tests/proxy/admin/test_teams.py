"""Teams are made, changed, listed, blocked and deleted, each by who may."""

from __future__ import annotations

from pipelines.allowance import account_name
from proxy.stores.entities.kinds import (
    Key,
    Membership,
    Organization,
    OrganizationMember,
    Team,
    User,
)
from tests.proxy.admin.harness import NOW, Admin

RED, BLUE = "sk-red-admin-0001", "sk-blue-member-001"


def world() -> Admin:
    """Two teams: ann leads red, bob is in blue; red belongs to the organization that olga leads."""
    admin = Admin()
    for name in ("ann", "bob", "olga"):
        admin.user(name)
    admin.team("red", ann="admin")
    admin.put(Team(id="red", alias="Red", organization_id="acme", created_at=NOW, updated_at=NOW))
    admin.team("blue", bob="user")
    admin.put(Organization(id="acme", models=("gpt*",)))
    office = OrganizationMember(
        id="acme/olga", organization_id="acme", user_id="olga", role="org_admin"
    )
    admin.put(office)
    admin.key(RED, user_id="ann")
    admin.key(BLUE, user_id="bob")
    admin.key("sk-olga-0000000001", user_id="olga")
    return admin


async def test_a_team_is_made_as_litellm_makes_it() -> None:
    admin = Admin()
    body = {
        "team_alias": "Red",
        "team_id": "red",
        "max_budget": 1.1,
        "budget_duration": "30d",
        "models": ["gpt"],
        "members_with_roles": [{"user_id": "ann", "role": "admin"}],
        "team_member_budget": 0.3,
        "guardrails": ["g"],
        "unknown": 1,
    }
    team = await admin.done("POST", "/team/new", body)
    assert (team["team_id"], team["team_alias"], team["spend"]) == ("red", "Red", 0.0)
    assert team["max_budget"] == 1.1
    assert team["members_with_roles"] == [{"user_id": "ann", "user_email": None, "role": "admin"}]
    assert team["admins"] == ["ann"]
    assert team["guardrails"] == ["g"]
    assert team["budget_reset_at"] == "2026-06-01T00:00:00Z"
    kept = await admin.store.get(Team, "red")
    assert kept is not None
    assert (kept.max_budget, kept.member_max_budget) == (1_100_000_000, 300_000_000)
    assert await admin.store.get(User, "ann") is not None


async def test_a_team_is_made_once() -> None:
    admin = world()
    client = await admin.call("POST", "/team/new", {"team_id": "red"})
    assert client.status == 400
    assert "already exists" in client.json["detail"]["error"]


async def test_a_wrong_member_leaves_no_team_behind() -> None:
    admin = world()
    body = {"team_id": "green", "members_with_roles": [{"role": "user"}]}
    assert (await admin.call("POST", "/team/new", body)).status == 422
    assert await admin.store.get(Team, "green") is None


async def test_a_member_named_twice_is_one() -> None:
    admin = world()
    admin.user("carl", email="c@example.com")
    members = [{"user_email": "c@example.com", "role": "user"}, {"user_id": "carl", "role": "user"}]
    body = {"team_id": "green", "members_with_roles": members, "admins": ["carl"]}
    assert (await admin.done("POST", "/team/new", body))["members"] == ["carl"]


async def test_an_id_with_a_slash_would_be_another_teams_member() -> None:
    assert (await Admin().call("POST", "/team/new", {"team_id": "a/b"})).status == 422


async def test_an_organizations_admin_makes_teams_within_its_models() -> None:
    admin, olga = world(), "sk-olga-0000000001"
    body = {"team_id": "green", "organization_id": "acme", "models": ["gpt-5"]}
    made = await admin.done("POST", "/team/new", body, olga)
    assert made["admins"] == ["olga"]
    for wrong, status in (
        ({**body, "team_id": "x", "models": ["claude"]}, 400),
        ({"team_id": "x"}, 403),
        ({**body, "team_id": "x", "organization_id": "other"}, 403),
        ({**body, "team_id": "x", "router_settings": {"a": 1}}, 403),
    ):
        assert (await admin.call("POST", "/team/new", wrong, olga)).status == status
    assert (await admin.call("POST", "/team/new", body, RED)).status == 403


async def test_only_the_sent_fields_change() -> None:
    admin = world()
    body = {"team_id": "red", "max_budget": 2, "guardrails": ["a"]}
    answer = await admin.done("POST", "/team/update", body)
    assert (answer["team_id"], answer["data"]["max_budget"]) == ("red", 2.0)
    assert answer["data"]["team_alias"] == "Red"
    body = {"team_id": "red", "max_budget": None, "prompts": ["p"]}
    answer = await admin.done("POST", "/team/update", body)
    assert answer["data"]["max_budget"] is None
    assert (answer["data"]["guardrails"], answer["data"]["prompts"]) == (["a"], ["p"])


async def test_a_teams_admin_changes_its_name_and_not_its_money() -> None:
    admin = world()
    await admin.done("POST", "/team/update", {"team_id": "red", "team_alias": "Rot"}, RED)
    for name, value in (("max_budget", None), ("models", []), ("rpm_limit", 9), ("blocked", False)):
        client = await admin.call("POST", "/team/update", {"team_id": "red", name: value}, RED)
        assert client.status == 403
    for body in ({"team_id": "blue", "team_alias": "x"}, {"team_id": "nobody"}):
        assert (await admin.call("POST", "/team/update", body, RED)).status == 404


async def test_the_spending_is_the_ledgers() -> None:
    admin = world()
    await admin.done("POST", "/team/update", {"team_id": "red", "budget_duration": "1d"})
    await admin.ledger.set_spent(account_name("team:red", "1d", NOW.timestamp()), 250_000_000)
    await admin.ledger.set_spent("team:red", 1_000_000_001)
    await admin.ledger.set_spent("member:red/ann", 7)
    info = await admin.done("GET", "/team/info", {"team_id": "red"})
    assert info["team_info"]["spend"] == 0.25
    assert info["team_info"]["total_spend"] == 1.000000001
    assert info["team_memberships"][0]["spend"] == 7e-09


async def test_a_member_sees_his_team_and_none_of_the_others() -> None:
    admin = world()
    admin.key("sk-red-service-001", team_id="red")
    info = await admin.done("GET", "/team/info", {"team_id": "red"}, RED)
    assert [one["key_name"] for one in info["keys"]] == ["sk-...-001"]
    assert (await admin.call("GET", "/team/info", {"team_id": "blue"}, RED)).status == 404
    listed = await admin.done("GET", "/team/list", None, RED)
    assert [one["team_id"] for one in listed] == ["red"]
    page = await admin.done("GET", "/v2/team/list", {"team_id": "blue"}, RED)
    assert (page["teams"], page["total"]) == ([], 0)
    own = await admin.done("GET", "/team/list", None, "sk-red-service-001")
    assert [one["team_id"] for one in own] == ["red"]


async def test_a_page_of_teams_is_counted_and_sorted() -> None:
    admin = world()
    page = await admin.done("GET", "/v2/team/list", {"page_size": 1, "sort_by": "team_id"})
    assert [one["team_id"] for one in page["teams"]] == ["blue"]
    assert (page["total"], page["page"], page["page_size"], page["total_pages"]) == (2, 1, 1, 2)
    page = await admin.done("GET", "/v2/team/list", {"search": "RE"})
    assert [one["team_id"] for one in page["teams"]] == ["red"]


async def test_the_teams_of_one_user_are_listed() -> None:
    admin = world()
    listed = await admin.done("GET", "/team/list", {"user_id": "bob"})
    assert [one["team_id"] for one in listed] == ["blue"]
    assert listed[0]["team_memberships"][0]["user_id"] == "bob"
    assert (await admin.call("GET", "/team/list", {"user_id": "ann"}, BLUE)).status == 403


async def test_a_deleted_team_takes_its_keys_and_members_along() -> None:
    admin = world()
    key = admin.key("sk-red-service-001", team_id="red")
    assert (await admin.call("POST", "/team/delete", {"team_ids": ["red"]}, RED)).status == 403
    deleted = await admin.done("POST", "/team/delete", {"team_ids": ["red"]})
    assert [one["team_id"] for one in deleted] == ["red"]
    assert await admin.store.get(Key, key.id) is None
    assert await admin.store.get(Membership, "red/ann") is None
    assert await admin.store.get(Team, "red") is None
    assert await admin.store.get(Membership, "blue/bob") is not None
    client = await admin.call("POST", "/team/delete", {"team_ids": ["blue", "red"]})
    assert client.status == 404
    assert await admin.store.get(Team, "blue") is not None


async def test_a_team_is_blocked_by_those_above_it() -> None:
    admin = world()
    assert (await admin.call("POST", "/team/block", {"team_id": "red"}, RED)).status == 403
    blocked = await admin.done("POST", "/team/block", {"team_id": "red"}, "sk-olga-0000000001")
    assert blocked["blocked"] is True
    assert (await admin.done("POST", "/team/unblock", {"team_id": "red"}))["blocked"] is False


async def test_models_are_added_and_the_last_one_gone_leaves_none() -> None:
    admin = world()
    body = {"team_id": "red", "models": ["gpt-5", "gpt-4"]}
    assert (await admin.done("POST", "/team/model/add", body))["models"] == ["gpt-5", "gpt-4"]
    left = await admin.done("POST", "/team/model/delete", {**body, "models": ["gpt-5"]})
    assert left["models"] == ["gpt-4"]
    left = await admin.done("POST", "/team/model/delete", body)
    assert left["models"] == ["no-default-models"]
    assert (await admin.done("POST", "/team/model/add", body))["models"] == ["gpt-5", "gpt-4"]


async def test_a_teams_admin_says_what_its_members_may_do() -> None:
    admin = world()
    body = {"team_id": "red", "team_member_permissions": ["/key/generate"]}
    await admin.done("POST", "/team/permissions_update", body, RED)
    found = await admin.done("GET", "/team/permissions_list", {"team_id": "red"}, RED)
    assert found["team_member_permissions"] == ["/key/generate"]
    assert "/key/list" in found["all_available_permissions"]
    wrong = {**body, "team_member_permissions": ["/team/delete"]}
    assert (await admin.call("POST", "/team/permissions_update", wrong, RED)).status == 400
    assert await admin.done("GET", "/team/available", None, RED) == []
