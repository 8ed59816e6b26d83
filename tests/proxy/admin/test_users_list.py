"""Lists of users, and what a user reads about himself."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.stores.entities.kinds import OrganizationMember
from tests.proxy.admin.harness import Admin


def _many() -> Admin:
    admin = Admin()
    admin.user("ann", email="ann@example.com", alias="Z")
    admin.user("bob", "internal_user_viewer", email="bob@example.org", sso_user_id="s1")
    admin.user("olga", "org_admin")
    admin.user("root", "proxy_admin")
    admin.team("red", ann="user", bob="admin")
    for user, role in (("olga", "org_admin"), ("ann", "internal_user")):
        member = OrganizationMember(id=f"org/{user}", organization_id="org", user_id=user)
        admin.put(member.model_copy(update={"role": role}))
    for user in ("ann", "bob", "olga"):
        admin.key(f"sk-{user}", user_id=user)
    return admin


async def _ids(admin: Admin, caller: str = "sk-master", **query: Any) -> list[str]:
    found = await admin.done("GET", "/user/list", {"sort_by": "user_id", **query}, caller)
    assert found["total"] == len(found["users"])
    return [one["user_id"] for one in found["users"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "ann bob olga root"),
        ({"role": "proxy_admin"}, "root"),
        ({"user_ids": "ann, bob,nobody"}, "ann bob"),
        ({"sso_user_ids": "s1"}, "bob"),
        ({"user_email": "example"}, "ann bob"),
        ({"search": "ORG"}, "bob"),
        ({"team": "red"}, "ann bob"),
        ({"organization_ids": "org"}, "ann olga"),
        ({"organization_ids": "org", "team": "red"}, "ann"),
        ({"sort_order": "desc"}, "root olga bob ann"),
    ],
)
async def test_an_administrator_filters_all_users(query: dict[str, str], expected: str) -> None:
    assert await _ids(_many(), **query) == expected.split()


async def test_who_leads_an_organization_lists_its_users() -> None:
    assert await _ids(_many(), "sk-olga") == ["ann", "olga"]
    assert await _ids(_many(), "sk-olga", organization_ids="other") == []
    assert await _ids(_many(), "sk-olga", user_ids="bob") == []


async def test_a_user_lists_nobody() -> None:
    assert (await _many().call("GET", "/user/list", caller="sk-ann")).status == 403


async def test_users_are_sorted_by_what_they_spent() -> None:
    admin = _many()
    await admin.ledger.set_spent("user:bob", 5)
    assert (await _ids(admin, sort_by="spend", sort_order="desc"))[0] == "bob"
    assert (await _ids(admin, sort_by="user_alias", sort_order="desc"))[0] == "ann"


async def test_pages_of_users_follow_each_other() -> None:
    admin, seen = _many(), list[str]()
    for page in (1, 2):
        query = {"page": page, "page_size": 3, "sort_by": "user_id"}
        found = await admin.done("GET", "/user/list", query)
        assert (found["total"], found["total_pages"], found["page"]) == (4, 2, page)
        seen += [one["user_id"] for one in found["users"]]
    assert seen == ["ann", "bob", "olga", "root"]


async def test_a_user_reads_himself_and_no_other() -> None:
    admin = _many()
    own = await admin.done("GET", "/user/info", caller="sk-ann")
    assert (own["user_id"], own["user_info"]["user_email"]) == ("ann", "ann@example.com")
    assert [one["team_id"] for one in own["teams"]] == ["red"]
    assert (await admin.done("GET", "/v2/user/info", caller="sk-ann"))["user_id"] == "ann"
    for path in ("/user/info", "/v2/user/info"):
        other = await admin.call("GET", path, {"user_id": "bob"}, "sk-ann")
        none = await admin.call("GET", path, {"user_id": "nobody"}, "sk-ann")
        assert (other.status, none.status) == (404, 404)
        assert other.body.replace(b"bob", b"nobody") == none.body


async def test_a_caller_without_a_user_is_nobody() -> None:
    admin = Admin()
    found = await admin.done("GET", "/user/info")
    assert found == {"user_id": None, "user_info": None, "keys": [], "teams": []}
    assert (await admin.call("GET", "/v2/user/info")).status == 404


async def test_the_roles_are_named() -> None:
    found = await Admin().done("GET", "/user/available_roles")
    assert list(found) == [
        "proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"
    ]  # fmt: skip
    assert sorted(found["internal_user"]) == ["description", "ui_label"]
