"""Sessions of callers, for the tests of what handlers are made of."""

from __future__ import annotations

from pipelines.exchange import Principal
from proxy.admin.roles import Reach
from proxy.admin.session import Session
from proxy.stores.entities.store import Actor
from tests.proxy.admin.harness import NOW, Admin


def a_session(
    admin: Admin,
    role: str = "proxy_admin",
    user: str | None = None,
    organizations: tuple[str, ...] = (),
) -> Session:
    """The session of a caller of this role."""
    return Session(
        principal=Principal("tester", role=role, user_id=user),
        actor=Actor(user or "tester"),
        reach=Reach(role, user, organization_ids=frozenset(organizations)),
        key=None,
        entities=admin.store,
        backing=admin.backing,
        path={},
        now=NOW,
    )
