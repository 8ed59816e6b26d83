"""Whom a caller sees and leads."""

from __future__ import annotations

from proxy.admin.users_found import leads_user, sees_user
from proxy.stores.entities.kinds import User
from tests.proxy.admin.sessions import a_session
from tests.proxy.admin.test_users_change import a_world


async def test_a_user_in_two_organizations_is_seen_by_both_and_led_by_neither() -> None:
    session = a_session(a_world(), "org_admin", "olga", organizations=("org",))
    zoe = await session.entities.get(User, "zoe")
    assert zoe is not None
    assert await sees_user(session, zoe)
    assert not await leads_user(session, zoe)


async def test_a_user_in_no_organization_is_led_by_administrators_only() -> None:
    bob = User(id="bob")
    assert not await leads_user(a_session(a_world(), "org_admin", "olga", ("org",)), bob)
    assert not await leads_user(a_session(a_world(), "internal_user", "bob"), bob)
    assert await leads_user(a_session(a_world(), "proxy_admin", None), bob)
