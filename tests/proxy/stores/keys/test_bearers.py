"""Whoever stands behind a key is read, and every question is written down."""

from __future__ import annotations

from proxy.stores.entities.kinds import (
    AccessGroup,
    Former,
    Key,
    Membership,
    Organization,
    SharedBudget,
    StoredModel,
    Tag,
    Team,
    User,
)
from proxy.stores.keys.bearers import GROUPS, Bearers, Groups, Reader
from tests.proxy.stores.keys.store import Clock, Store, a_key


def a_reader(store: Store) -> Reader:
    return Reader(store, Groups(store, {}))


async def test_every_question_is_written_down_whatever_the_answer() -> None:
    key = a_key(user_id="u1", team_id="t1", budget_id="b1", tags=["a", "b"])
    reader = a_reader(Store(Team(id="t1", organization_id="o1", tags=("c",)), Tag(id="c")))
    found = await reader.budgeted(await reader.behind(key))
    assert reader.used == {
        ("key", "k1"),
        ("user", "u1"),
        ("team", "t1"),
        ("membership", "t1/u1"),
        ("organization", "o1"),
        ("budget", "b1"),
        ("tag", "a"),
        ("tag", "b"),
        ("tag", "c"),
        GROUPS,
    }
    assert found.labels == ("c", "a", "b")
    assert [one.id for one in found.tags] == ["c"]
    assert found.missing == "Organization=o1"


async def test_a_user_whom_nobody_made_has_no_limits_and_is_counted() -> None:
    found = await a_reader(Store()).behind(a_key(user_id="u1"))
    assert found.user is not None
    assert (found.user.id, found.user.max_budget) == ("u1", None)


async def test_a_keys_own_organization_wins_over_its_teams() -> None:
    store = Store(Team(id="t1", organization_id="o1"), Organization(id="o1"), Organization(id="o2"))
    found = await a_reader(store).behind(a_key(team_id="t1", organization_id="o2"))
    assert found.organization is not None
    assert found.organization.id == "o2"


async def test_shared_budgets_of_all_are_read_once_each() -> None:
    store = Store(
        User(id="u1", budget_id="b1"),
        Team(id="t1", budget_id="b1"),
        Membership(id="t1/u1", team_id="t1", user_id="u1", budget_id="b2"),
        SharedBudget(id="b1"),
        SharedBudget(id="b2"),
    )
    reader = a_reader(store)
    found = await reader.budgeted(await reader.behind(a_key(user_id="u1", team_id="t1")))
    assert sorted(found.budgets) == ["b1", "b2"]


async def test_a_key_is_found_by_its_digest_and_by_its_former_ones_in_one_look() -> None:
    formers = tuple(Former(digest=name, until=Clock().date(60)) for name in ("older", "old"))
    store = Store(Key(id="k1", digest="new", former=formers), Key(id="k2", digest="other"))
    for name in ("new", "old", "older"):
        found = await a_reader(store).key(name)
        assert found is not None
        assert found.id == "k1"
    asked = store.asked
    assert await a_reader(store).key("nothing") is None
    assert store.asked == asked + 1


async def test_access_groups_are_read_once_until_they_are_forgotten() -> None:
    store = Store(
        AccessGroup(id="beta", models=("b",)),
        StoredModel(id="m1", model_name="c", sealed="", info={"access_groups": ["beta", "gamma"]}),
        StoredModel(id="m2", model_name="d", sealed="", info={"access_groups": "beta"}),
    )
    groups = Groups(store, {"beta": ("a",)})
    assert await groups.all() == {"beta": ("a", "b", "c"), "gamma": ("c",)}
    asked = store.asked
    await groups.all()
    assert store.asked == asked
    groups.forget()
    await groups.all()
    assert store.asked > asked


async def test_the_same_label_is_there_once() -> None:
    reader = a_reader(Store(Tag(id="a")))
    once = await reader.labelled(Bearers(), ["a", "a", "b"])
    twice = await reader.labelled(once, ["b", "a"])
    assert twice == once
    assert (once.labels, len(once.tags)) == (("a", "b"), 1)
