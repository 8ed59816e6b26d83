"""A caller is joined by those that it calls for, on their accounts too."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.errors import Forbidden, StoreUnavailable
from pipelines.exchange import Principal
from pipelines.parties import Party
from proxy.config.identity import IdentitySettings, NewUser
from proxy.stores.entities.kinds import (
    EndUser,
    Key,
    Membership,
    SharedBudget,
    Tag,
    Team,
    User,
)
from proxy.stores.keys.directory import Directory
from tests.proxy.stores.keys.store import (
    MASTER,
    SECRET,
    Store,
    a_directory,
    a_key,
    heard,
)


def scopes(principal: Principal | None) -> list[str]:
    assert principal is not None
    return [one.scope for one in principal.allowances]


async def known(directory: Directory, secret: str = SECRET) -> Principal:
    found = await directory.find(secret)
    assert found is not None
    return found


async def test_an_internal_user_is_made_with_what_newcomers_get() -> None:
    settings = IdentitySettings(
        new_user=NewUser(max_budget=5, budget_duration="30d", models=("x",), teams=("t1", "no"))
    )
    store = Store(a_key(), Team(id="t1"))
    async with a_directory(store, settings) as directory:
        party = Party(user="u1", email="u@x.example", name="Ann", role="admin")
        principal = await directory.joined(await known(directory), party)
    user = await store.get(User, "u1")
    assert user is not None
    assert (user.email, user.alias, user.role) == ("u@x.example", "Ann", "internal_user")
    assert (user.max_budget, user.budget_duration, user.models) == (5, "30d", ("x",))
    assert await store.get(Membership, "t1/u1") is not None
    assert await store.get(Membership, "no/u1") is None
    assert scopes(principal) == ["key:k1", "user:u1"]
    assert principal.user_id == "u1"
    assert not principal.may_use("y")


@pytest.mark.parametrize(
    "user",
    [
        User(id="u1", rpm_limit=3),
        User(id="x", sso_user_id="u1", rpm_limit=3),
    ],
)
async def test_a_known_user_is_found_by_his_ids(user: User) -> None:
    store = Store(a_key(), user)
    async with a_directory(store) as directory:
        principal = await directory.joined(await known(directory), Party(user="u1"))
    assert principal.allowances[1].rpm == 3
    assert principal.user_id == user.id


async def test_a_known_user_is_found_by_his_address() -> None:
    store = Store(a_key(), User(id="x", email="u@x.example"))
    async with a_directory(store) as directory:
        principal = await directory.joined(await known(directory), Party(user="u@x.example"))
    assert principal.user_id == "x"


async def test_a_users_team_is_found_by_group_and_by_role() -> None:
    settings = IdentitySettings(
        role_teams={"user": "t1"}, group_teams={"red": "t2"}, new_user=NewUser(max_budget=5)
    )
    store = Store(a_key(), Team(id="t1"), Team(id="t2", models=("x",)))
    async with a_directory(store, settings) as directory:
        by_role = await directory.joined(await known(directory), Party(user="u1", role="user"))
        party = Party(user="u1", role="user", groups=("blue", "red"))
        by_group = await directory.joined(await known(directory), party)
    assert scopes(by_role) == ["key:k1", "user:u1", "team:t1", "member:t1/u1"]
    assert [one.limit for one in by_role.allowances[1].budgets] == [5]
    assert (by_group.team_id, by_group.may_use("x"), by_group.may_use("y")) == ("t2", True, False)
    assert await store.get(Membership, "t2/u1") is not None


async def test_a_keys_own_team_stays() -> None:
    settings = IdentitySettings(role_teams={"user": "t2"})
    store = Store(a_key(team_id="t1", user_id="owner"), Team(id="t1"), Team(id="t2"))
    async with a_directory(store, settings) as directory:
        principal = await directory.joined(await known(directory), Party(user="u1", role="user"))
    assert scopes(principal) == ["key:k1", "user:u1", "team:t1", "member:t1/u1"]


async def test_the_operators_key_serves_users_with_limits_of_their_own() -> None:
    settings = IdentitySettings(role_teams={"user": "t1"})
    store = Store(Team(id="t1", models=("x",)))
    async with a_directory(store, settings) as directory:
        master = await known(directory, MASTER)
        principal = await directory.joined(master, Party(user="u1", role="user", tags=("a",)))
        assert master.may_use("y")
    assert scopes(principal) == ["key:master", "user:u1", "team:t1", "member:t1/u1"]
    assert not principal.may_use("y")
    assert principal.tags == ("a",)


async def test_an_end_user_is_made_with_the_default_budget() -> None:
    settings = IdentitySettings(end_user_budget_id="b1", end_user_budget=9)
    store = Store(a_key(), SharedBudget(id="b1", max_budget=2, budget_duration="1d"))
    async with a_directory(store, settings) as directory:
        principal = await directory.joined(await known(directory), Party(end_user="e1"))
    assert principal.end_user == "e1"
    assert [(one.limit, one.duration) for one in principal.allowances[1].budgets] == [(2, "1d")]
    made = await store.get(EndUser, "e1")
    assert made is not None
    assert made.budget_id == "b1"


async def test_an_end_user_without_a_shared_budget_has_the_plain_default() -> None:
    store = Store(a_key())
    async with a_directory(store, IdentitySettings(end_user_budget=9)) as directory:
        principal = await directory.joined(await known(directory), Party(end_user="e1"))
    assert principal.allowances[1].budgets[0].limit == 9


async def test_a_blocked_end_user_or_user_is_refused() -> None:
    store = Store(a_key(), EndUser(id="e1", blocked=True), User(id="u1", blocked=True))
    async with a_directory(store) as directory:
        caller = await known(directory)
        for party in (Party(end_user="e1"), Party(user="u1")):
            with pytest.raises(Forbidden, match="blocked") as error:
                await directory.joined(caller, party)
            assert error.value.status == 403
        await store.put(EndUser, "e1", blocked=False)
        await heard()
        await directory.joined(caller, Party(end_user="e1"))


async def test_tags_and_tasks_are_counted_where_they_have_budgets() -> None:
    store = Store(a_key(tags=["own"]), Tag(id="a", max_budget=3))
    async with a_directory(store) as directory:
        party = Party(tags=("a", "b"), task="title_generation")
        principal = await directory.joined(await known(directory), party)
    assert scopes(principal) == ["key:k1", "tag:a", "tag:task:title_generation"]
    assert principal.tags == ("own", "a", "b", "task:title_generation")


async def test_a_party_that_is_known_asks_the_store_nothing() -> None:
    store = Store(a_key())
    async with a_directory(store) as directory:
        caller = await known(directory)
        first = await directory.joined(caller, Party(end_user="e1"))
        await heard()
        first = await directory.joined(caller, Party(end_user="e1"))
        asked = store.asked
        assert await directory.joined(caller, Party(end_user="e1")) is first
        assert store.asked == asked


async def test_a_change_of_the_key_reaches_the_calls_for_others_too() -> None:
    store = Store(a_key())
    async with a_directory(store) as directory:
        await directory.joined(await known(directory), Party(end_user="e1"))
        await heard()
        await directory.joined(await known(directory), Party(end_user="e1"))
        await store.put(Key, "k1", rpm_limit=4)
        await heard()
        principal = await directory.joined(await known(directory), Party(end_user="e1"))
    assert principal.allowances[0].rpm == 4


async def test_a_named_administrator_lends_no_power() -> None:
    store = Store(a_key(), User(id="boss", role="proxy_admin"))
    async with a_directory(store) as directory:
        caller = await known(directory)
        principal = await directory.joined(caller, Party(user="boss"))
    assert (principal.user_id, principal.role) == ("boss", "internal_user")


async def test_made_up_names_drive_no_key_out_of_memory() -> None:
    store = Store(a_key())
    async with a_directory(store, IdentitySettings(kept=3)) as directory:
        caller = await known(directory)
        for number in range(10):
            await directory.joined(caller, Party(tags=(str(number),)))
        asked = store.asked
        await known(directory)
    assert store.asked == asked


async def test_many_calls_of_a_newcomer_make_one_user() -> None:
    store = Store(a_key())
    async with a_directory(store) as directory:
        caller = await known(directory)
        parties = [Party(user="u1", tags=(str(number),)) for number in range(20)]
        await asyncio.gather(*(directory.joined(caller, one) for one in parties))
    assert sum(one.action == "created" for one in store.audit) == 1


async def test_an_unknown_user_without_the_store_is_refused_and_a_known_one_goes_on() -> None:
    store = Store(a_key())
    async with a_directory(store) as directory:
        caller = await known(directory)
        await directory.joined(caller, Party(end_user="e1"))
        await heard()
        await directory.joined(caller, Party(end_user="e1"))
        store.away = True
        directory.changed("", "")
        await known(directory)
        await directory.joined(caller, Party(end_user="e1"))
        with pytest.raises(StoreUnavailable):
            await directory.joined(caller, Party(end_user="e2"))


async def test_all_who_called_are_remembered_keys_first() -> None:
    async with a_directory(Store(a_key(), EndUser(id="e1"))) as directory:
        assert list(directory.callers()) == []
        principal = await known(directory)
        joined = await directory.joined(principal, Party(end_user="e1"))
        assert [one.principal for one in directory.callers()] == [principal, joined]
