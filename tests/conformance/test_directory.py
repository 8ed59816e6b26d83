"""What one process changes about a caller, another one minds within a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pipelines.errors import Unauthenticated
from pipelines.exchange import Principal
from pipelines.parties import Party
from proxy.background import Background
from proxy.clock import SystemClock
from proxy.config.identity import IdentitySettings
from proxy.stores.entities.kinds import Former, Key, Membership, Team, User
from proxy.stores.entities.store import Actor, EntityStore
from proxy.stores.keys.digest import digest
from proxy.stores.keys.directory import Directory
from tests.conformance.entities import Pair

ME = Actor("me")
SECRET = "sk-conformance-0123456789"
WITHIN = 1.0


@asynccontextmanager
async def a_directory(store: EntityStore) -> AsyncIterator[Directory]:
    background = Background()
    directory = Directory(store, IdentitySettings(), "sk-master", SystemClock(), background)
    background.spawn(directory.follow(), "follow")
    # A source of notices needs a moment to begin.
    await asyncio.sleep(0.5)
    try:
        yield directory
    finally:
        await background.close(0)


async def state(directory: Directory) -> str:
    try:
        found: Principal | None = await directory.find(SECRET)
    except Unauthenticated as error:
        return error.message
    return "stranger" if found is None else f"rpm={found.allowances[-1].rpm}"


async def becomes(directory: Directory, wanted: str) -> None:
    begin = time.monotonic()
    while wanted not in await state(directory):
        assert time.monotonic() - begin < WITHIN, f"still {await state(directory)}"
        await asyncio.sleep(0.01)


async def test_a_change_by_one_process_is_minded_by_the_other(stores: Pair) -> None:
    here, there = stores
    async with a_directory(there) as directory:
        assert await state(directory) == "stranger"
        await here.add(Team(id="t1", rpm_limit=5), ME)
        await here.add(Key(id="k1", digest=digest(SECRET), team_id="t1"), ME)
        await becomes(directory, "rpm=5")
        await here.change(Team, "t1", lambda one: one.model_copy(update={"rpm_limit": 6}), ME)
        await becomes(directory, "rpm=6")
        await here.change(Key, "k1", lambda one: one.model_copy(update={"blocked": True}), ME)
        await becomes(directory, "Key is blocked")


async def test_a_rotated_secret_is_still_found(stores: Pair) -> None:
    here, there = stores
    async with a_directory(there) as directory:
        until = time.time() + 60
        former = Former.model_validate({"digest": digest(SECRET), "until": until})
        await here.add(Key(id="k1", digest=digest("sk-new"), former=(former,)), ME)
        assert await state(directory) == "rpm=None"


async def test_two_processes_make_one_user(stores: Pair) -> None:
    here, there = stores
    await here.add(Team(id="t1"), ME)
    await here.add(Key(id="k1", digest=digest(SECRET), team_id="t1"), ME)
    async with a_directory(here) as first, a_directory(there) as second:
        for directory in (first, second):
            assert await state(directory) != "stranger"
        callers = [await one.find(SECRET) for one in (first, second)]
        joined = await asyncio.gather(
            *(
                one.joined(caller, Party(user="u1"))
                for one, caller in zip((first, second), callers, strict=True)
                if caller is not None
            )
        )
    assert [one.user_id for one in joined] == ["u1", "u1"]
    assert await here.get(User, "u1") is not None
    assert await there.get(Membership, "t1/u1") is not None


@pytest.mark.parametrize("secret", ["", "sk-nobody"])
async def test_nobody_is_found_without_a_key(stores: Pair, secret: str) -> None:
    async with a_directory(stores[0]) as directory:
        assert await directory.find(secret) is None
