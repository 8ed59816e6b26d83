"""Cache shares replies with those only whom the operator means."""

from __future__ import annotations

import pytest

from pipelines.cache_policy import CachePolicy
from pipelines.exchange import Principal
from tests.builders import flow_of
from tests.fakes.replies import World
from tests.pipelines.stages.test_cache import Slow, a_reply, mate


@pytest.mark.parametrize(
    "scope, other, shared",
    [
        ("team", mate("b"), True),
        ("team", mate("b", "blue"), False),
        ("team", mate("b", None), False),
        ("key", mate("b"), False),
        ("all", mate("b", "blue"), True),
    ],
)
async def test_replies_are_shared_within_the_scope_only(
    scope: str, other: Principal, shared: bool
) -> None:
    policy = CachePolicy(enabled=True, scope=scope)  # type: ignore[arg-type]
    world, rest = World(policy), flow_of(*a_reply())
    await world.answered(rest, principal=mate("a"))
    found, _ = await world.answered(rest, principal=other)
    assert (found.cache == "hit") is shared


async def test_running_calls_of_two_teams_are_not_joined() -> None:
    world, rest = World(), Slow()
    calls = [world.exchange(rest, principal=mate("a", team)) for team in ("red", "blue")]
    flows = [world.cache(one, rest) for one in calls]
    for one in flows:
        await anext(one)
    assert rest.opened == 2
    for one in flows:
        await one.aclose()
    await world.spawner.settled()


async def test_calls_are_not_joined_where_the_operator_does_not_want_it() -> None:
    world, rest = World(CachePolicy(enabled=True, join=False)), Slow()
    flows = [world.cache(world.exchange(rest), rest) for _ in range(2)]
    for one in flows:
        await anext(one)
    assert rest.opened == 2
    for one in flows:
        await one.aclose()
    await world.spawner.settled()
