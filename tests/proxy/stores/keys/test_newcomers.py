"""Newcomers get what the operator wrote down, once, and never a power."""

from __future__ import annotations

import pytest

from pipelines.parties import Party
from proxy.config.identity import IdentitySettings, NewUser
from proxy.stores.entities.kinds import EndUser, Membership, Team, User
from proxy.stores.keys.bearers import Groups, Reader
from proxy.stores.keys.newcomers import ACTOR, Newcomers
from tests.proxy.stores.keys.store import Store


def parts(store: Store, settings: IdentitySettings | None = None) -> tuple[Newcomers, Reader]:
    return Newcomers(store, settings or IdentitySettings()), Reader(store, Groups(store, {}))


async def test_nobody_is_made_where_nobody_is_named() -> None:
    store = Store()
    newcomers, reader = parts(store)
    assert await newcomers.user(Party(end_user="e"), reader) is None
    assert store.rows == {}


async def test_a_newcomer_is_audited_and_no_administrator() -> None:
    store = Store()
    newcomers, reader = parts(store)
    user = await newcomers.user(Party(user="u1", role="admin"), reader)
    assert user is not None
    assert user.role == "internal_user"
    assert [(one.actor, one.action, one.id) for one in store.audit] == [
        (ACTOR.name, "created", "u1")
    ]
    assert ("user", "u1") in reader.used


async def test_a_newcomer_may_be_a_viewer() -> None:
    settings = IdentitySettings(new_user=NewUser(role="internal_user_viewer"))
    newcomers, reader = parts(Store(), settings)
    user = await newcomers.user(Party(user="u1"), reader)
    assert user is not None
    assert user.role == "internal_user_viewer"


async def test_an_address_is_looked_up_only_where_the_name_is_one() -> None:
    store = Store(User(id="x", email="ann"))
    newcomers, reader = parts(store)
    user = await newcomers.user(Party(user="ann"), reader)
    assert user is not None
    assert user.id == "ann"


async def test_a_member_is_made_of_a_team_that_there_is_and_once() -> None:
    store = Store(Team(id="t1"))
    newcomers, _ = parts(store)
    user = User(id="u1")
    for team in ("t1", "t1", "none"):
        await newcomers.member(user, team)
    assert [one.id for one in store.rows.values() if isinstance(one, Membership)] == ["t1/u1"]


async def test_an_end_user_is_made_once() -> None:
    store = Store()
    newcomers, reader = parts(store)
    first = await newcomers.end_user("e1", reader)
    assert first is not None
    assert await newcomers.end_user("e1", reader) == first
    assert await store.get(EndUser, "e1") == first
    assert ("end_user", "e1") in reader.used


@pytest.mark.parametrize(
    ("party", "wanted"),
    [
        (Party(role="user"), "by-role"),
        (Party(role="admin"), None),
        (Party(), None),
        (Party(role="user", groups=("blue",)), "by-role"),
        (Party(role="user", groups=("blue", "red")), "by-group"),
    ],
)
def test_a_group_says_more_than_a_role(party: Party, wanted: str | None) -> None:
    settings = IdentitySettings(role_teams={"user": "by-role"}, group_teams={"red": "by-group"})
    assert parts(Store(), settings)[0].team_of(party) == wanted
