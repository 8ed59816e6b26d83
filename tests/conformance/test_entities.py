"""What every store of entities promises, whatever keeps it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from proxy.stores.entities.kinds import Former, Key, Rotating, Team
from proxy.stores.entities.store import Actor, Query, Taken
from tests.conformance.entities import Pair

ME = Actor("me", "10.0.0.1", "somebody")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def a_key(id: str = "k1", **more: object) -> Key:
    return Key.model_validate({"id": id, "digest": f"digest-{id}", **more})


async def test_what_was_added_is_found_by_everybody(stores: Pair) -> None:
    here, there = stores
    key = a_key(alias="mine", models=["gpt-*"], max_budget=5, expires=NOON)
    await here.add(key, ME)
    assert await there.get(Key, "k1") == key
    assert await there.get(Key, "k2") is None
    assert await there.many(Key, ["k2", "k1"]) == [key]


async def test_an_id_or_a_secret_can_be_taken_once(stores: Pair) -> None:
    here, there = stores
    await here.add(a_key(), ME)
    with pytest.raises(Taken):
        await there.add(a_key(digest="other"), ME)
    with pytest.raises(Taken):
        await there.add(a_key("k2", digest="digest-k1"), ME)


async def test_a_key_is_found_by_every_secret_that_was_rotated_away_lately(stores: Pair) -> None:
    here, there = stores
    await here.add(a_key(), ME)
    await here.add(a_key("k2"), ME)
    digests = [letter * 64 for letter in "abcdefgh"]
    former = tuple(Former(digest=one, until=NOON) for one in digests)
    await here.change(Key, "k1", lambda key: key.model_copy(update={"former": former}), ME)
    for digest in ("digest-k1", *digests):
        found = await there.holder(digest)
        assert found is not None
        assert found.id == "k1"
    assert await there.holder("i" * 64) is None
    assert await there.holder("a" * 32 + "b" * 32) is None


async def test_a_secret_belongs_to_the_key_that_has_it_now(stores: Pair) -> None:
    here, there = stores
    for name in "abc":
        former = () if name == "b" else (Former(digest="f" * 64, until=NOON),)
        digest = "f" * 64 if name == "b" else name * 64
        await here.add(Key(id=name, digest=digest, former=former), ME)
    found = await there.holder("f" * 64)
    assert found is not None
    assert found.id == "b"


async def test_a_row_is_found_by_what_is_written_in_it(stores: Pair) -> None:
    here, there = stores
    await here.add(a_key(auto_rotate=True), ME)
    await here.add(a_key("k2", metadata={"text": '"auto_rotate":true'}), ME)
    found = await there.find(Key, Query(search={"data": '"auto_rotate":true'}))
    assert [one.id for one in found] == ["k1"]
    turn = Rotating(nonce="1", tries=1, again_at=NOON)
    await here.change(Key, "k2", lambda key: key.model_copy(update={"rotating": turn}), ME)
    found = await there.find(Key, Query(search={"data": '"rotating":{'}))
    assert [(one.id, one.rotating) for one in found] == [("k2", turn)]


async def test_a_change_starts_from_what_stands_there(stores: Pair) -> None:
    here, there = stores
    await here.add(a_key(max_budget=0), ME)

    def more(key: Key) -> Key:
        return key.model_copy(update={"max_budget": (key.max_budget or 0) + 1})

    await asyncio.gather(*(one.change(Key, "k1", more, ME) for one in (here, there) * 10))
    changed = await here.get(Key, "k1")
    assert changed is not None
    assert changed.max_budget == 20
    assert await here.change(Key, "k2", more, ME) is None


async def test_a_change_that_is_given_up_changes_nothing(stores: Pair) -> None:
    here, _ = stores
    await here.add(a_key(), ME)

    def refuse(key: Key) -> Key:
        raise LookupError

    with pytest.raises(LookupError):
        await here.change(Key, "k1", refuse, ME)
    kept = await here.get(Key, "k1")
    assert kept is not None
    assert kept.alias is None
    assert len(await here.audits("key", "k1", 10)) == 1


async def test_lists_are_filtered_sorted_and_paged(stores: Pair) -> None:
    here, _ = stores
    for number in range(7):
        team = "red" if number % 2 else None
        when = NOON + timedelta(minutes=number)
        await here.add(a_key(f"k{number}", team_id=team, alias=f"A_{number}", created_at=when), ME)
    red = Query(where={"team_id": "red"}, descending=False)
    assert [one.id for one in await here.find(Key, red)] == ["k1", "k3", "k5"]
    assert await here.count(Key, red) == 3
    assert await here.count(Key, Query(where={"team_id": None})) == 4
    assert await here.count(Key, Query(where={"team_id": ["red", "blue"], "alias": "A_1"})) == 1
    assert [one.id for one in await here.find(Key, Query(search={"alias": "a_3"}))] == ["k3"]
    assert await here.find(Key, Query(search={"alias": "%"})) == []
    newest = await here.find(Key, Query(limit=3))
    assert [one.id for one in newest] == ["k6", "k5", "k4"]
    assert [one.id for one in await here.find(Key, Query(after="k4", limit=2))] == ["k3", "k2"]
    assert [one.id for one in await here.find(Key, Query(offset=5, limit=9))] == ["k1", "k0"]
    by_name = Query(sort="alias", descending=False, after="k5")
    assert [one.id for one in await here.find(Key, by_name)] == ["k6"]


async def test_what_is_removed_is_gone_and_given_back(stores: Pair) -> None:
    here, there = stores
    await here.add(a_key(), ME)
    removed = await there.remove(Key, ["k1", "k9"], ME)
    assert [one.id for one in removed] == ["k1"]
    assert await here.get(Key, "k1") is None


async def test_every_change_leaves_a_line_without_secrets(stores: Pair) -> None:
    here, _ = stores
    former = (Former(digest="former-digest", until=NOON),)
    await here.add(a_key(former=former), ME)
    await here.change(Key, "k1", lambda key: key.model_copy(update={"alias": "new"}), ME)
    await here.remove(Key, ["k1"], ME)
    await here.add(Team(id="t1"), ME)
    lines = await here.audits("key", "k1", 10)
    assert [one.action for one in lines] == ["deleted", "updated", "created"]
    assert (lines[0].actor, lines[0].address, lines[0].changed_by) == ("me", "10.0.0.1", "somebody")
    assert lines[1].before is not None
    assert lines[1].after is not None
    assert (lines[1].before["alias"], lines[1].after["alias"]) == (None, "new")
    assert lines[0].after is None
    assert len(await here.audits(None, None, 10)) == 4


async def test_everybody_hears_of_a_change_within_a_second(stores: Pair) -> None:
    here, there = stores
    async with aclosing(there.changes()) as changes:
        first = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0.6)
        await here.add(a_key(), ME)
        heard = await asyncio.wait_for(first, 1.0)
        while heard == ("", ""):
            heard = await asyncio.wait_for(anext(changes), 1.0)
        assert heard == ("key", "k1")
