"""Who listens too slowly is told that something may be missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from pipelines.errors import StoreUnavailable
from proxy.stores.entities import notices
from proxy.stores.entities.notices import KEPT, MISSED, Notices, PostgresSource


class Broken:
    def __init__(self) -> None:
        self.runs = 0

    async def run(self, tell: Callable[[str, str], None]) -> None:
        self.runs += 1
        raise OSError


async def test_too_many_changes_become_one_notice_that_some_were_missed() -> None:
    told = Notices(Broken())
    changes = told.follow()
    first = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    for number in range(KEPT + 5):
        told.tell("key", str(number))
    heard = [await first]
    while heard[-1] != MISSED:
        heard.append(await anext(changes))
    assert len(heard) <= KEPT + 2
    await changes.aclose()


async def test_a_source_that_breaks_is_asked_again_and_followers_are_warned() -> None:
    source = Broken()
    told = Notices(source)
    changes = told.follow()
    first = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    running = asyncio.ensure_future(told.run())
    assert await first == MISSED
    await asyncio.sleep(notices.AGAIN_AFTER + 0.2)
    assert source.runs == 2
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await changes.aclose()


@pytest.mark.parametrize("error", [asyncpg.PostgresError, asyncpg.InterfaceError])
async def test_what_postgresql_refuses_is_told_in_our_words(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connect(*_: object, **__: object) -> None:
        raise error("no")

    monkeypatch.setattr(asyncpg, "connect", connect)
    source = PostgresSource(make_url("postgresql://u:hidden@127.0.0.1/x"))
    with pytest.raises(StoreUnavailable, match=error.__name__) as told:
        await source.run(lambda kind, id: None)
    assert "hidden" not in told.value.message
