"""The faulty provider does over a real socket what its modes say."""

from __future__ import annotations

import asyncio
import json
import re
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.fakes.faults import MODES
from tests.fakes.upstream import FaultyUpstream

HEAVY = frozenset({"bigevent", "bigjson", "gzipbomb", "endless_line", "bytewise", "slow"})
SILENT = frozenset({"nofirst", "nofirst_hdr", "stall"})
HEADLESS = frozenset({"nofirst", "reset"})


class Raw:
    """A client on a bare socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, upstream: FaultyUpstream) -> Raw:
        port = urlsplit(upstream.url).port
        assert port is not None
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def ask(self, model: str, path: str = "/v1/chat/completions", **more: object) -> bytes:
        body = json.dumps({"model": model, "stream": True, **more}).encode()
        sent = f"POST {path} HTTP/1.1\r\nHost: x\r\nX-A: b\r\nContent-Length: {len(body)}\r\n\r\n"
        raw = sent.encode() + body
        self.writer.write(raw)
        return raw

    async def rest(self) -> bytes:
        return await self.reader.read()

    def leave(self) -> None:
        self.writer.transport.abort()


async def _body(upstream: FaultyUpstream, model: str, **more: object) -> tuple[int, bytes]:
    body = {"model": model, "stream": True, **more}
    async with (
        aiohttp.ClientSession() as session,
        session.post(upstream.url + "/chat/completions", json=body) as reply,
    ):
        return reply.status, await reply.read()


def _payloads(raw: bytes) -> list[bytes]:
    return re.findall(rb"data: ?([^\r\n]+)", raw)


def test_a_good_stream_says_five_words_and_no_usage_unless_asked() -> None:
    async def run() -> None:
        async with FaultyUpstream() as upstream:
            status, plain = await _body(upstream, "ok")
            _, counted = await _body(upstream, "ok", stream_options={"include_usage": True})
        assert status == 200
        assert len(_payloads(plain)) == 7
        assert b"usage" not in plain
        assert json.loads(_payloads(counted)[-2])["usage"]["total_tokens"] == 15
        assert _payloads(counted)[-1] == b"[DONE]"

    asyncio.run(run())


def test_a_request_is_remembered_to_the_byte() -> None:
    async def run() -> None:
        async with FaultyUpstream() as upstream:
            client = await Raw.connect(upstream)
            raw = client.ask("ok@someone", stream=False)
            await client.reader.readuntil(b"\r\n\r\n")
            client.leave()
        (seen,) = upstream.requests
        assert seen.raw == raw
        assert (seen.method, seen.path) == ("POST", "/v1/chat/completions")
        assert seen.headers["x-a"] == "b"
        assert seen.json["model"] == "ok@someone"
        assert (seen.model, seen.mode) == ("ok@someone", "ok")
        assert upstream.hits == {"ok": 1}

    asyncio.run(run())


def test_one_connection_carries_several_requests() -> None:
    async def run() -> None:
        async with FaultyUpstream() as upstream:
            client = await Raw.connect(upstream)
            for _ in range(3):
                client.ask("ok")
                assert b"t4" in await client.reader.readuntil(b"\r\n0\r\n\r\n")
            assert upstream.open == 1
            client.leave()
        assert upstream.hits["ok"] == 3
        assert upstream.closed == []

    asyncio.run(run())


@pytest.mark.parametrize("mode", sorted(MODES.keys() - HEAVY - HEADLESS))
def test_every_mode_begins_as_http(mode: str) -> None:
    async def run() -> None:
        async with FaultyUpstream() as upstream:
            client = await Raw.connect(upstream)
            client.ask(mode)
            first = await client.reader.readuntil(b"\r\n")
            client.leave()
        assert re.fullmatch(rb"HTTP/1.1 \d\d\d \w+\r\n", first)

    asyncio.run(run())


@pytest.mark.parametrize("mode", ["cut_chunk", "cut_mid_event", "closed_after_head", "clmismatch"])
def test_a_cut_reply_ends_without_its_end(mode: str) -> None:
    async def run() -> bytes:
        async with FaultyUpstream() as upstream:
            client = await Raw.connect(upstream)
            client.ask(mode)
            raw = await client.rest()
            client.leave()
        assert upstream.closed == []
        return raw

    assert not asyncio.run(run()).endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("mode", ["reset", "rst"])
def test_a_reset_is_a_reset(mode: str) -> None:
    async def run() -> None:
        async with FaultyUpstream() as upstream:
            client = await Raw.connect(upstream)
            client.ask(mode)
            with pytest.raises(ConnectionResetError):
                await client.rest()
            client.leave()

    asyncio.run(run())


@pytest.mark.parametrize("mode", ["slow", *sorted(SILENT)])
def test_a_client_that_leaves_is_noticed_at_once(mode: str) -> None:
    async def run() -> None:
        async with FaultyUpstream() as upstream:
            client = await Raw.connect(upstream)
            client.ask(mode)
            await asyncio.sleep(0.15)
            left = asyncio.get_running_loop().time()
            client.leave()
            (gone,) = await upstream.until_closed()
            assert gone.model == mode
            assert gone.at - left < 0.1
            assert 0.1 < gone.after < 0.5
            await asyncio.sleep(0.01)
            assert upstream.open == 0

    asyncio.run(run())


def test_a_flaky_model_fails_so_often_and_then_answers() -> None:
    async def run() -> list[int]:
        async with FaultyUpstream() as upstream:
            return [(await _body(upstream, "flaky2@a"))[0] for _ in range(4)] + [
                (await _body(upstream, "flaky2@b"))[0]
            ]

    assert asyncio.run(run()) == [500, 500, 200, 200, 500]


@pytest.mark.parametrize(
    ("model", "status"), [("418", 418), ("529", 529), ("429", 429), ("401", 401), ("what", 404)]
)
def test_a_status_is_answered_as_an_error(model: str, status: int) -> None:
    async def run() -> tuple[int, bytes]:
        async with FaultyUpstream() as upstream:
            return await _body(upstream, model)

    seen, body = asyncio.run(run())
    assert seen == status
    assert json.loads(body)["error"]["message"]


def test_a_recording_is_replayed_in_its_pieces() -> None:
    pieces = [b'data: {"a"', b":1}\n", b"\ndata: [DONE]\n\n"]

    async def run() -> tuple[bytes, list[bytes]]:
        async with FaultyUpstream() as upstream:
            upstream.replay([*pieces, b""], "text/event-stream; charset=utf-8")
            client = await Raw.connect(upstream)
            client.ask("any-name")
            raw = await client.reader.readuntil(b"\r\n0\r\n\r\n")
            client.leave()
            async with (
                aiohttp.ClientSession() as session,
                session.post(upstream.url + "/chat/completions", json={}) as reply,
            ):
                return raw, [piece async for piece, _ in reply.content.iter_chunks()]

    raw, seen = asyncio.run(run())
    assert b"text/event-stream; charset=utf-8\r\n" in raw
    assert raw.count(b"\r\na\r\n" + pieces[0] + b"\r\n") == 1
    assert seen == pieces


def test_the_models_are_listed_and_a_path_may_name_one() -> None:
    async def run() -> None:
        async with FaultyUpstream(models=("a", "b")) as upstream:
            async with (
                aiohttp.ClientSession() as session,
                session.get(upstream.url + "/models") as reply,
            ):
                assert [row["id"] for row in (await reply.json())["data"]] == ["a", "b"]
            client = await Raw.connect(upstream)
            client.ask("", "/openai/deployments/tool/chat/completions?api-version=1")
            assert b"tool_calls" in await client.reader.readuntil(b"0\r\n\r\n")
            client.leave()
        assert upstream.requests[-1].path == "/openai/deployments/tool/chat/completions"
        assert upstream.hits == {"tool": 1}

    asyncio.run(run())


def test_embeddings_and_completions_are_answered_at_their_paths() -> None:
    async def run() -> None:
        async with FaultyUpstream() as upstream, aiohttp.ClientSession() as session:
            asked = {"model": "ok", "input": ["a", "b"], "encoding_format": "base64"}
            async with session.post(upstream.url + "/embeddings", json=asked) as reply:
                data = (await reply.json())["data"]
            assert [row["index"] for row in data] == [0, 1]
            assert isinstance(data[0]["embedding"], str)
            async with session.post(upstream.url + "/completions", json={"model": "ok"}) as reply:
                assert (await reply.json())["choices"][0]["text"] == "hello world"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("mode", "usages"),
    [("usage_in_choice", 1), ("usage_on_every_chunk", 5), ("usage_spaced", 0), ("nousage", 0)],
)
def test_some_providers_send_usage_unasked(mode: str, usages: int) -> None:
    async def run() -> bytes:
        async with FaultyUpstream() as upstream:
            return (await _body(upstream, mode))[1]

    assert asyncio.run(run()).count(b'"usage"') == usages


def test_spaced_usage_is_sent_when_asked_for() -> None:
    async def run() -> bytes:
        async with FaultyUpstream() as upstream:
            wanted = {"include_usage": True}
            return (await _body(upstream, "usage_spaced", stream_options=wanted))[1]

    assert b'"usage": {' in asyncio.run(run())
