"""Newer prices are used as soon as they are there, and bad ones never."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import orjson
import pytest

from pipelines.errors import UpstreamFailed
from pipelines.pricing.load import load_prices
from pipelines.pricing.table import PriceBook
from proxy.refresh import AGAIN, EVERY, PriceRefresh
from tests.fakes.ports import FakeClock

MODELS = {"models": [["=new", {"prompt": 5}]]}
NEWER = orjson.dumps({"format": 1, "source": "mine", "made": "now", "providers": {"acme": MODELS}})


async def newer(url: str) -> bytes:
    return NEWER if url == "https://prices.example/table" else b"<html>"


async def away(url: str) -> bytes:
    raise UpstreamFailed("nobody is there")


async def test_newer_prices_come_from_an_address() -> None:
    book = PriceBook(load_prices)
    assert await PriceRefresh(book, "https://prices.example/table", newer, FakeClock()).once()
    assert book.find("acme", "new") is not None
    assert book.source == "mine now"


@pytest.mark.parametrize("scheme", ["", "file://"])
async def test_newer_prices_come_from_a_file(tmp_path: Path, scheme: str) -> None:
    book, file = PriceBook(load_prices), tmp_path / "prices.json"
    file.write_bytes(NEWER)
    assert await PriceRefresh(book, f"{scheme}{file}", away, FakeClock()).once()
    assert book.find("acme", "new") is not None


@pytest.mark.parametrize("source", ["http://bad.example", "https://x.example", "/no/such/file"])
async def test_what_cannot_be_read_changes_nothing(source: str) -> None:
    book = PriceBook(load_prices)
    fetch = newer if "bad" in source else away
    assert not await PriceRefresh(book, source, fetch, FakeClock()).once()
    assert book.find("openai", "gpt-4o") is not None


async def test_a_failure_is_tried_again_soon_and_a_success_later() -> None:
    clock = FakeClock()
    answers = iter([b"no", NEWER])

    async def fetch(url: str) -> bytes:
        answer = next(answers, None)
        if answer is None:
            raise asyncio.CancelledError
        return answer

    with suppress(asyncio.CancelledError):
        await PriceRefresh(PriceBook(load_prices), "https://a.example", fetch, clock).run()
    assert clock.sleeps == [AGAIN, EVERY]
