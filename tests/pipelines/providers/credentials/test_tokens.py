"""A token is fetched once, kept, and renewed before it runs out."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.errors import ConnectFailed, Denied, UpstreamError, UpstreamFailed
from pipelines.providers.credentials.tokens import Token, TokenBearer
from tests.builders import an_upstream_request


class Service:
    """A token service that counts; `fails` is what the next fetches raise."""

    def __init__(self, lifetime: float = 3_600.0) -> None:
        self.now = 1_000.0
        self.fetched = 0
        self.lifetime = lifetime
        self.fails: UpstreamError | None = None
        self.gate: asyncio.Event | None = None

    def clock(self) -> float:
        return self.now

    async def fetch(self) -> Token:
        self.fetched += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.fails is not None:
            raise self.fails
        return Token(f"t{self.fetched}", self.lifetime)


async def signed(bearer: TokenBearer) -> str:
    request = an_upstream_request()
    await bearer.sign(request)
    return request.headers["Authorization"]


async def test_a_token_is_fetched_once_and_kept() -> None:
    service = Service()
    bearer = TokenBearer(service.fetch, service.clock)
    assert [await signed(bearer) for _ in range(3)] == ["Bearer t1"] * 3
    assert service.fetched == 1


async def test_concurrent_calls_fetch_once() -> None:
    service = Service()
    service.gate = asyncio.Event()
    bearer = TokenBearer(service.fetch, service.clock)
    calls = asyncio.gather(*(signed(bearer) for _ in range(50)))
    await asyncio.sleep(0)
    service.gate.set()
    assert await calls == ["Bearer t1"] * 50
    assert service.fetched == 1


async def test_a_token_is_renewed_before_it_runs_out() -> None:
    service = Service()
    bearer = TokenBearer(service.fetch, service.clock)
    await signed(bearer)
    service.now += 3_300
    assert await signed(bearer) == "Bearer t1"
    service.now += 100
    assert await signed(bearer) == "Bearer t2"


async def test_a_short_token_is_kept_for_most_of_its_life() -> None:
    service = Service(lifetime=40)
    bearer = TokenBearer(service.fetch, service.clock)
    await signed(bearer)
    service.now += 29
    assert await signed(bearer) == "Bearer t1"
    service.now += 2
    assert await signed(bearer) == "Bearer t2"


async def test_while_one_renews_the_others_use_the_old_token() -> None:
    service = Service()
    bearer = TokenBearer(service.fetch, service.clock)
    await signed(bearer)
    service.now += 3_500
    service.gate = asyncio.Event()
    first = asyncio.ensure_future(signed(bearer))
    await asyncio.sleep(0)
    assert await signed(bearer) == "Bearer t1"
    service.gate.set()
    assert await first == "Bearer t2"


async def test_a_renewal_that_fails_is_not_seen_while_the_old_token_is_good() -> None:
    service = Service()
    bearer = TokenBearer(service.fetch, service.clock)
    await signed(bearer)
    service.now += 3_500
    service.fails = ConnectFailed("no way")
    assert await signed(bearer) == "Bearer t1"
    assert await signed(bearer) == "Bearer t1"
    assert service.fetched == 2
    service.now += 20
    assert await signed(bearer) == "Bearer t1"
    assert service.fetched == 3
    service.now += 100
    with pytest.raises(ConnectFailed, match="no way"):
        await signed(bearer)


@pytest.mark.parametrize("error", [Denied("bad secret"), ConnectFailed("no way")])
async def test_all_who_waited_are_told_of_one_failure_and_the_next_one_tries_again(
    error: UpstreamError,
) -> None:
    service = Service()
    service.gate = asyncio.Event()
    service.fails = error
    bearer = TokenBearer(service.fetch, service.clock)
    calls = asyncio.gather(*(signed(bearer) for _ in range(20)), return_exceptions=True)
    await asyncio.sleep(0)
    service.gate.set()
    found = await calls
    assert {str(one) for one in found} == {error.message}
    assert all(isinstance(one, Denied | ConnectFailed | UpstreamFailed) for one in found)
    assert service.fetched == 1
    service.now += 1
    service.fails = None
    assert await signed(bearer) == "Bearer t2"


async def test_a_call_that_is_cancelled_while_it_fetches_leaves_the_work_to_the_next() -> None:
    service = Service()
    service.gate = asyncio.Event()
    bearer = TokenBearer(service.fetch, service.clock)
    first = asyncio.ensure_future(signed(bearer))
    second = asyncio.ensure_future(signed(bearer))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    service.gate.set()
    assert await second == "Bearer t2"
    assert first.cancelled()


def test_no_token_shows() -> None:
    assert "se-cret" not in repr(Token("se-cret", 1.0))
