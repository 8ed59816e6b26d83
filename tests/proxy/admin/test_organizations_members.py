"""An organization's admin leads its members."""

from __future__ import annotations

from proxy.stores.entities.kinds import OrganizationMember, User
from tests.proxy.admin.test_organizations import OLGA
from tests.proxy.admin.test_teams import RED, world


async def test_members_come_change_and_go() -> None:
    admin = world()
    body = {
        "organization_id": "acme",
        "member": {"user_id": "ann", "user_email": "a@b.c", "role": "internal_user"},
    }
    added = await admin.done("POST", "/organization/member_add", body, OLGA)
    assert added["updated_users"] == [{"user_id": "ann", "user_email": "a@b.c"}]
    assert (await admin.call("POST", "/organization/member_add", body, OLGA)).status == 400
    one = {"organization_id": "acme", "user_id": "ann"}
    change = {**one, "role": "org_admin"}
    changed = await admin.done("PATCH", "/organization/member_update", change, OLGA)
    assert changed["user_role"] == "org_admin"
    assert (await admin.done("GET", "/team/info", {"team_id": "red"}, RED))["team_id"] == "red"
    await admin.done("DELETE", "/organization/member_delete", one, OLGA)
    assert await admin.store.get(OrganizationMember, "acme/ann") is None
    assert (await admin.call("DELETE", "/organization/member_delete", one, OLGA)).status == 404


async def test_a_members_role_here_is_not_his_role_for_the_gateway() -> None:
    admin = world()
    body = {"organization_id": "acme", "member": [{"user_id": "new", "role": "org_admin"}]}
    await admin.done("POST", "/organization/member_add", body)
    user = await admin.store.get(User, "new")
    assert user is not None
    assert user.role == "internal_user"
    wrong = {"organization_id": "acme", "member": {"user_id": "x", "role": "proxy_admin"}}
    assert (await admin.call("POST", "/organization/member_add", wrong)).status == 422


async def test_what_cannot_be_kept_is_refused() -> None:
    admin = world()
    member = {"user_id": "new", "role": "internal_user"}
    body = {"organization_id": "acme", "member": member, "max_budget_in_organization": 1}
    assert (await admin.call("POST", "/organization/member_add", body)).status == 400
    change = {"organization_id": "acme", "user_id": "olga", "max_budget_in_organization": 1}
    assert (await admin.call("PATCH", "/organization/member_update", change)).status == 400
    nobody = {"organization_id": "acme"}
    assert (await admin.call("DELETE", "/organization/member_delete", nobody)).status == 422
    by_mail = {"organization_id": "acme", "user_email": "nobody@example.com"}
    assert (await admin.call("DELETE", "/organization/member_delete", by_mail)).status == 404
