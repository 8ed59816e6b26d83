"""A POST that is sent once more under its Idempotency-Key is answered, and not done again."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import Response

from pipelines.errors import BadCall, KeyReused
from proxy.admin.repeats import DAY, REPLAYED, Repeats
from tests.fakes.ports import FakeClock

WHO = ("ada", "/key/generate", "k-1")


class Work:
    """Counts how often it is done."""

    def __init__(self, status: int = 200) -> None:
        self.times = 0
        self.status = status
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> Response:
        self.times += 1
        await self.gate.wait()
        return Response(b"%d" % self.times, self.status, media_type="application/json")


def repeats(clock: FakeClock | None = None, most: int = 10) -> Repeats:
    return Repeats((clock or FakeClock()).monotonic, most)


async def test_the_second_is_the_answer_of_the_first() -> None:
    once, work = repeats().once, Work()
    first = await once(WHO, b"d", work)
    second = await once(WHO, b"d", work)
    assert (first.body, second.body, work.times) == (b"1", b"1", 1)
    assert REPLAYED not in first.headers
    assert second.headers[REPLAYED] == "true"
    assert second.headers["content-type"] == "application/json"


async def test_one_that_comes_while_the_first_runs_waits_for_it() -> None:
    once, work = repeats().once, Work()
    work.gate.clear()
    both = [asyncio.ensure_future(once(WHO, b"d", work)) for _ in range(2)]
    await asyncio.sleep(0)
    work.gate.set()
    assert [one.body for one in await asyncio.gather(*both)] == [b"1", b"1"]


async def test_another_body_under_the_key_is_refused() -> None:
    once, work = repeats().once, Work()
    await once(WHO, b"d", work)
    with pytest.raises(KeyReused):
        await once(WHO, b"e", work)


async def test_another_callers_key_is_another_key() -> None:
    once, work = repeats().once, Work()
    await once(WHO, b"d", work)
    await once(("bob", *WHO[1:]), b"d", work)
    assert work.times == 2


@pytest.mark.parametrize("status", [400, 500])
async def test_a_failure_is_not_kept(status: int) -> None:
    once, work = repeats().once, Work(status)
    await once(WHO, b"d", work)
    await once(WHO, b"d", work)
    assert work.times == 2


async def test_work_that_raises_is_done_by_the_next_one_that_waits() -> None:
    once, work = repeats().once, Work()
    gate = asyncio.Event()

    async def fails() -> Response:
        await gate.wait()
        raise BadCall("no")

    first = asyncio.ensure_future(once(WHO, b"d", fails))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(once(WHO, b"d", work))
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(BadCall):
        await first
    assert (await second).body == b"1"


async def test_answers_are_known_for_a_day_and_not_more_than_so_many() -> None:
    clock, work = FakeClock(), Work()
    once = repeats(clock, most=2).once
    await once(WHO, b"d", work)
    clock.now += DAY
    await once(WHO, b"d", work)
    assert work.times == 2
    for number in range(4):
        await once(("ada", str(number)), b"d", work)
    await once(WHO, b"d", work)
    assert work.times == 7
