"""A stream comes to its client piece by piece, as the provider sends it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.e2e.configs import config, entry, mocks
from tests.e2e.gateway import Gateway, running
from tests.e2e.plain import ask, chat, dialled, request, until
from tests.e2e.process import memory
from tests.e2e.sdk import HELLO, async_client
from tests.e2e.steps import LockStep, reading
from tests.fakes.wire import DONE, chunk, event

BIG = event("x" * 65_000)
MOST = 96 << 20
WORDS = [event(f"t{number} ") for number in range(20)]


def one_model(provider: LockStep) -> dict[str, object]:
    """A gateway in front of one provider."""
    return config(*mocks(), entry("steps", "openai_like/steps", provider.url))


async def test_each_piece_is_at_the_client_before_the_provider_sends_the_next(
    tmp_path: Path,
) -> None:
    async with LockStep() as provider:
        with running(tmp_path, one_model(provider)) as gateway:
            async with reading(gateway, chat("steps")) as client:
                call = await provider.call()
                call.begin(WORDS[0])
                assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
                assert await client.event() == WORDS[0]
                for word in WORDS[1:]:
                    call.send(word)
                    assert await client.event() == word
                call.end()
                assert await client.rest() == event(None, "stop") + DONE


async def test_the_sdk_has_each_chunk_before_the_provider_sends_the_next(tmp_path: Path) -> None:
    async with LockStep() as provider:
        with running(tmp_path, one_model(provider)) as gateway:
            async with async_client(gateway) as sdk:
                asking = asyncio.create_task(
                    sdk.chat.completions.create(model="steps", messages=HELLO, stream=True)
                )
                call = await provider.call()
                call.begin(WORDS[0])
                stream = await asking
                for number, word in enumerate(WORDS[1:]):
                    piece = await anext(stream)
                    assert piece.choices[0].delta.content == f"t{number} "
                    call.send(word)
                call.end()
                rest = [piece async for piece in stream]
    assert rest[-1].choices[0].finish_reason == "stop"


async def test_what_is_whole_of_a_piece_does_not_wait_for_the_rest(tmp_path: Path) -> None:
    async with LockStep() as provider:
        with running(tmp_path, one_model(provider)) as gateway:
            async with reading(gateway, chat("steps")) as client:
                call = await provider.call()
                call.begin(WORDS[0] + WORDS[1] + WORDS[2][:20])
                await client.head()
                assert await client.event() == WORDS[0]
                assert await client.event() == WORDS[1]
                call.send(WORDS[2][20:])
                assert await client.event() == WORDS[2]
                call.end()
                await client.rest()


def test_the_words_of_the_mock_come_at_its_pace(gateway: Gateway) -> None:
    arrived = []
    with dialled(gateway, request(chat("mock/words20-rate20"))) as sock:
        raw = b""
        while not raw.endswith(b"0\r\n\r\n"):
            raw += sock.recv(65536)
            arrived.append(time.monotonic())
    # Twenty words at twenty a second take nearly one, in as many pieces.
    assert arrived[-1] - arrived[0] > 0.2
    assert len(arrived) >= 5


async def test_a_reader_that_is_slow_holds_the_provider_back_and_nobody_else(
    tmp_path: Path,
) -> None:
    async with LockStep() as provider:
        with running(tmp_path, one_model(provider)) as gateway:
            before = memory(gateway)
            async with reading(gateway, chat("steps")) as client:
                call = await provider.call()
                call.begin(WORDS[0])
                await client.head()
                count = await _until_blocked(call.writer)
                assert count * len(BIG) < MOST, "the gateway took all of it"
                if before is not None:
                    assert (memory(gateway) or 0) - before < 24 << 20
                assert (await asyncio.to_thread(ask, gateway, body=chat("mock/rate0"))).events
                rest = asyncio.create_task(client.rest())
                await call.writer.drain()
                call.end()
                assert await rest == WORDS[0] + BIG * count + event(None, "stop") + DONE


async def _until_blocked(writer: asyncio.StreamWriter) -> int:
    """How many big events the gateway took of a reader who reads nothing."""
    for count in range(1, MOST // len(BIG) + 1):
        writer.write(chunk(BIG))
        try:
            async with asyncio.timeout(1.0):
                await writer.drain()
        except TimeoutError:
            return count
    return count


def test_connections_that_never_ask_a_whole_question_harm_nobody(gateway: Gateway) -> None:
    whole = request(chat("mock/rate0"))
    halves = [dialled(gateway, whole[: 10 + 5 * number]) for number in range(30)]
    socks = [half.__enter__() for half in halves]
    try:
        assert ask(gateway, body=chat("mock/rate0")).events
        # One of them makes up its mind after all.
        socks[0].sendall(whole[10:])
        assert b"data: " in until(socks[0], b"[DONE]")
    finally:
        for half in halves:
            half.__exit__(None, None, None)
    assert ask(gateway, body=chat("mock/words1-rate0")).events
