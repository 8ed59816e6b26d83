"""Making, changing and deleting users."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.admin.users_bodies import UserBody
from proxy.stores.entities.kinds import Key, Membership, OrganizationMember, User
from tests.proxy.admin.harness import Admin


def a_world() -> Admin:
    """Olga leads an organization with Ann in it; Bob is in none, Zoe in two."""
    admin = Admin()
    for name, role in (("olga", "org_admin"), ("ann", "internal_user"), ("bob", "internal_user")):
        admin.user(name, role, email=f"{name}@example.com")
        admin.key(f"sk-{name}", user_id=name)
    admin.user("zoe")
    admin.user("root", "proxy_admin")
    admin.organization("org")
    admin.organization("other")
    offices = (("org", "olga", "org_admin"), ("org", "ann", "internal_user"))
    more = (("org", "zoe", "internal_user"), ("other", "zoe", "internal_user"))
    for organization, user, role in (*offices, *more, ("org", "root", "internal_user")):
        member = OrganizationMember(
            id=f"{organization}/{user}", organization_id=organization, user_id=user
        )
        admin.put(member.model_copy(update={"role": role}))
    return admin


async def _user(admin: Admin, id: str) -> User:
    user = await admin.store.get(User, id)
    assert user is not None
    return user


async def test_a_user_comes_with_a_key_and_his_budget_is_not_the_keys() -> None:
    admin = Admin()
    admin.team("red")
    body = {
        "user_id": "ann",
        "user_email": "ann@example.com",
        "user_alias": "Ann",
        "user_role": "internal_user",
        "teams": ["red"],
        "max_budget": 10,
        "budget_duration": "30d",
        "models": ["gpt"],
        "key_alias": "ann's",
        "duration": "30d",
        "password": "secret-word",
        "odd": 1,
    }
    made = await admin.done("POST", "/user/new", body)
    assert made["key"].startswith("sk-")
    assert (made["user_id"], made["user_role"], made["max_budget"]) == ("ann", "internal_user", 10)
    assert (made["teams"], made["user_alias"], made["models"]) == (["red"], "Ann", ["gpt"])
    user = await _user(admin, "ann")
    assert (user.max_budget, user.budget_duration, user.email) == (
        10**10,
        "30d",
        body["user_email"],
    )
    assert user.settings == {"odd": 1}
    (key,) = [one for one in admin.store.rows.values() if isinstance(one, Key)]
    assert (key.user_id, key.max_budget, key.alias) == ("ann", None, "ann's")
    assert key.models == ("gpt",)
    assert await admin.store.get(Membership, "red/ann") is not None
    assert "secret-word" not in str(admin.store.rows)


async def test_every_field_of_a_user_may_be_null() -> None:
    admin = Admin()
    body = {**dict.fromkeys(UserBody.model_fields), "user_id": "ann"}
    await admin.done("POST", "/user/new", {**body, "teams": None, "organizations": None})
    await admin.done("POST", "/user/update", body)
    assert (await admin.done("GET", "/user/info", {"user_id": "ann"}))["keys"]


async def test_a_user_can_come_without_a_key() -> None:
    admin = Admin()
    made = await admin.done("POST", "/user/new", {"auto_create_key": False})
    assert made["key"] == ""
    assert made["user_id"]
    assert not [one for one in admin.store.rows.values() if isinstance(one, Key)]


async def test_a_user_and_his_address_are_there_once() -> None:
    admin = a_world()
    for body in ({"user_id": "ann"}, {"user_email": "ann@example.com"}):
        client = await admin.call("POST", "/user/new", body)
        assert client.status == 409
        assert "already exists" in client.json["detail"]["error"]


@pytest.mark.parametrize("body", [{"teams": ["none"]}, {"organizations": ["none"]}])
async def test_a_user_is_put_into_nothing_that_there_is_not(body: dict[str, Any]) -> None:
    admin = Admin()
    assert (await admin.call("POST", "/user/new", body)).status == 404
    assert not admin.store.rows


async def test_who_leads_an_organization_makes_users_in_it() -> None:
    admin = a_world()
    body = {"user_id": "new", "organizations": ["org"]}
    made = await admin.done("POST", "/user/new", body, "sk-olga")
    assert made["organization_id"] == "org"
    assert await admin.store.get(OrganizationMember, "org/new") is not None
    beyond: tuple[dict[str, Any], ...] = (
        {"user_role": "proxy_admin"},
        {"organizations": ["other"]},
        {"organizations": []},
        {"teams": ["red"]},
        {"budget_id": "b"},
        {"organization_id": "other"},
    )
    for more in beyond:
        wrong = {"organizations": ["org"], **more}
        assert (await admin.call("POST", "/user/new", wrong, "sk-olga")).status == 403
    assert (await admin.call("POST", "/user/new", {}, "sk-ann")).status == 403


async def test_only_the_sent_fields_of_a_user_change() -> None:
    admin = a_world()
    answer = await admin.done("POST", "/user/update", {"user_id": "ann", "max_budget": 2})
    assert (answer["user_id"], answer["data"]["max_budget"]) == ("ann", 2.0)
    by_address = {
        "user_email": "ann@example.com",
        "rpm_limit": 3,
        "user_role": "proxy_admin_viewer",
    }
    await admin.done("POST", "/user/update", by_address)
    user = await _user(admin, "ann")
    assert (user.max_budget, user.rpm_limit) == (2 * 10**9, 3)
    assert (user.role, user.email) == ("proxy_admin_viewer", "ann@example.com")
    assert (await admin.call("POST", "/user/update", {"rpm_limit": 1})).status == 400
    assert (await admin.call("POST", "/user/update", {"user_id": "nobody"})).status == 404


@pytest.mark.parametrize(
    "change",
    [
        {"user_role": "proxy_admin"},
        {"max_budget": 1000},
        {"max_budget": None},
        {"models": []},
        {"rpm_limit": None},
        {"spend": 0},
        {"blocked": False},
        {"user_email": "root@example.com"},
        {"sso_user_id": "root"},
        {"organization_id": "org"},
        {"policies": []},
        {"unknown": 1},
    ],
)
async def test_nobody_sets_his_own_role_or_budget(change: dict[str, Any]) -> None:
    admin = a_world()
    before = dict(admin.store.rows)
    client = await admin.call("POST", "/user/update", {"user_id": "bob", **change}, "sk-bob")
    assert client.status == 403
    assert admin.store.rows == before


async def test_a_user_names_himself() -> None:
    admin = a_world()
    await admin.done("POST", "/user/update", {"user_id": "bob", "user_alias": "B"}, "sk-bob")
    assert (await _user(admin, "bob")).alias == "B"


async def test_who_leads_an_organization_leads_those_who_are_in_no_other() -> None:
    admin = a_world()
    await admin.done("POST", "/user/update", {"user_id": "ann", "max_budget": 1}, "sk-olga")
    for user in ("zoe", "root"):
        body = {"user_id": user, "max_budget": 1}
        assert (await admin.call("POST", "/user/update", body, "sk-olga")).status == 403
        gone = await admin.call("POST", "/user/delete", {"user_ids": [user]}, "sk-olga")
        assert gone.status == 403
    assert (await admin.call("POST", "/user/update", {"user_id": "bob"}, "sk-olga")).status == 404
    for more in ({"user_role": "proxy_admin"}, {"organization_id": "other"}, {"budget_id": "b"}):
        body = {"user_id": "ann", **more}
        assert (await admin.call("POST", "/user/update", body, "sk-olga")).status == 403


async def test_a_deleted_user_takes_his_keys_and_places_with_him() -> None:
    admin = a_world()
    admin.member("red", "ann")
    assert await admin.done("POST", "/user/delete", {"user_ids": ["ann", "ann"]}) == 1
    assert "ann" not in {getattr(one, "user_id", one.id) for one in admin.store.rows.values()}
    client = await admin.call("POST", "/user/delete", {"user_ids": ["bob", "ann"]})
    assert client.status == 404
    assert client.json == {"detail": {"error": "User not found, passed user_id=ann"}}
    assert await admin.store.get(User, "bob") is not None


async def test_several_users_change_each_by_himself() -> None:
    admin = a_world()
    users = [{"user_id": "ann", "max_budget": 1}, {"user_id": "nobody", "max_budget": 1}]
    answer = await admin.done("POST", "/user/bulk_update", {"users": users})
    assert (answer["successful_updates"], answer["failed_updates"]) == (1, 1)
    assert answer["results"][0]["updated_user"]["max_budget"] == 1.0
    everybody = {"all_users": True, "user_updates": {"rpm_limit": 9}}
    answer = await admin.done("POST", "/user/bulk_update", everybody)
    assert (answer["total_requested"], answer["failed_updates"]) == (5, 0)
    assert (await _user(admin, "zoe")).rpm_limit == 9
    assert (await admin.call("POST", "/user/bulk_update", {})).status == 400
