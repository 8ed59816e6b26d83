"""A store that is gone is left alone, and found again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from proxy.background import Background
from proxy.stores import watch
from proxy.stores.watch import FAILURES, Watch

Lines = list[MutableMapping[str, Any]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What is logged meanwhile, whatever another test has made of the log."""
    with capture_logs() as found:
        yield found


class Store:
    def __init__(self) -> None:
        self.there = False
        self.asked = 0

    async def ask(self) -> None:
        self.asked += 1
        if not self.there:
            raise OSError("secret words")


def is_up(watched: Watch) -> bool:
    return watched.up


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOKS_EVERY", 0.005)
    monkeypatch.setattr(watch, "ANSWERS_WITHIN", 0.05)


async def test_it_is_closed_until_the_store_answers_and_tells_each_change_once(
    lines: Lines,
) -> None:
    store, background = Store(), Background()
    watched = Watch("the cache", store.ask, (OSError, TimeoutError), background)
    await watched.open()
    watched.look()
    await asyncio.sleep(0.03)
    assert not is_up(watched)
    assert store.asked > 1
    store.there = True
    await asyncio.sleep(0.05)
    assert is_up(watched)
    told = " ".join(line["event"] for line in lines)
    assert told.count("does not answer") == 1
    assert told.count("answers again") == 1
    assert "secret" not in told
    await background.close()


async def test_several_failures_in_a_row_close_it_and_one_success_forgets_them() -> None:
    store, background = Store(), Background()
    store.there = True
    watched = Watch("the cache", store.ask, (OSError,), background)
    await watched.open()
    for _ in range(FAILURES - 1):
        watched.failed(OSError())
    watched.went_well()
    for _ in range(FAILURES - 1):
        watched.failed(OSError())
    assert is_up(watched)
    watched.failed(OSError())
    assert not is_up(watched)
    await asyncio.sleep(0.03)
    assert is_up(watched)
    watched.close()
    assert not is_up(watched)
    await background.close()


async def test_one_who_never_answers_is_not_waited_for() -> None:
    async def ask() -> None:
        await asyncio.Event().wait()

    background = Background()
    watched = Watch("the cache", ask, (OSError, TimeoutError), background)
    await watched.open()
    assert not is_up(watched)
    watched.close()
    await background.close(0.1)
