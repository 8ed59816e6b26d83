"""A provider that answers as a script tells it, in OpenAI's chat, Anthropic's or Gemini's dialect.

The rule: what it says depends on the request alone, so that a client's side calls (a title, a
summary, a retry) do not put it out of step; it remembers every request.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

MODEL = "scripted-1"
WORDS = 12


@dataclass(frozen=True, slots=True)
class Use:
    """One call of a tool."""

    name: str
    arguments: Mapping[str, Any]
    id: str = "call_scripted_1"


@dataclass(frozen=True, slots=True)
class Turn:
    """What the model says: thoughts, then words, then calls of tools; within a stream it is silent
    for `pause` seconds before each event."""

    text: str = ""
    thought: str = ""
    uses: tuple[Use, ...] = ()
    signature: str = ""
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived; `spoken` is "openai", "anthropic" or "gemini"."""

    spoken: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Its messages."""
        return list(self.body["contents" if self.spoken == "gemini" else "messages"])

    @property
    def tools(self) -> list[str]:
        """The names of the tools that it offers."""
        offered = self.body.get("tools") or ()
        if self.spoken == "gemini":
            offered = [tool for one in offered for tool in one["functionDeclarations"]]
        return [str((one.get("function") or one).get("name")) for one in offered]

    @property
    def has_result(self) -> bool:
        """Whether a tool has answered since the model last spoke."""
        for one in reversed(self.messages):
            if one["role"] in ("assistant", "model"):
                return False
            content = one.get("parts") or one.get("content")
            parts = content if isinstance(content, list) else ()
            results = any(
                part.get("type") == "tool_result" or "functionResponse" in part for part in parts
            )
            if one["role"] == "tool" or results:
                return True
        return False


Script = Callable[[Asked], Turn]
Stop = tuple[asyncio.Event, asyncio.AbstractEventLoop]


class Scripted:
    """The provider: its address for `api_base`, and what it was asked."""

    def __init__(self, script: Script) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self._script = script

    async def serve(self, ready: Future[Stop]) -> None:
        """Listen until what `ready` is given is set, in the loop that it is given."""
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/chat/completions", self._openai)
        app.router.add_post("/v1/messages", self._anthropic)
        app.router.add_post("/v1/models/{model}:{verb}", self._gemini)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        stop = asyncio.Event()
        ready.set_result((stop, asyncio.get_running_loop()))
        await stop.wait()
        await runner.cleanup()

    async def _openai(self, request: web.Request) -> web.StreamResponse:
        asked, turn = await self._turn(request, "openai")
        if asked.body.get("stream"):
            return await _stream(request, _chunks(turn), turn.pause)
        return web.json_response(_completion(turn))

    async def _anthropic(self, request: web.Request) -> web.StreamResponse:
        asked, turn = await self._turn(request, "anthropic")
        if asked.body.get("stream"):
            return await _stream(request, _events(turn), turn.pause)
        return web.json_response(_message(turn))

    async def _gemini(self, request: web.Request) -> web.StreamResponse:
        _, turn = await self._turn(request, "gemini")
        if request.match_info["verb"] == "streamGenerateContent":
            return await _stream(request, _candidates(turn), turn.pause)
        whole = {"candidates": [_candidate(_parts(turn), "STOP")], **_metadata(turn)}
        return web.json_response(whole)

    async def _turn(self, request: web.Request, spoken: str) -> tuple[Asked, Turn]:
        asked = Asked(spoken, dict(request.headers), await request.json())
        self.asked.append(asked)
        return asked, self._script(asked)


@contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    """A provider that runs inside the block, on a thread of its own."""
    provider = Scripted(script)
    ready: Future[Stop] = Future()
    serve = provider.serve
    thread = threading.Thread(
        target=lambda: asyncio.run(serve(ready), debug=False), name="scripted"
    )
    thread.start()
    stop, loop = ready.result(10)
    try:
        yield provider
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
    assert not thread.is_alive()


async def _stream(
    request: web.Request, events: Iterator[bytes], pause: float
) -> web.StreamResponse:
    reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await reply.prepare(request)
    for event in events:
        await asyncio.sleep(pause)
        await reply.write(event)
    await reply.write_eof()
    return reply


def _pieces(text: str) -> Iterator[str]:
    for at in range(0, len(text), WORDS):
        yield text[at : at + WORDS]


def _usage(turn: Turn) -> dict[str, int]:
    said = len(turn.text) // 4 + 8 * len(turn.uses) + 1
    return {"prompt_tokens": 100, "completion_tokens": said, "total_tokens": 100 + said}


def _chunks(turn: Turn) -> Iterator[bytes]:
    yield _chunk({"role": "assistant", "content": ""})
    for piece in _pieces(turn.thought):
        yield _chunk({"reasoning_content": piece})
    for piece in _pieces(turn.text):
        yield _chunk({"content": piece})
    for index, use in enumerate(turn.uses):
        start = {"index": index, "id": use.id, "type": "function"}
        yield _chunk({"tool_calls": [{**start, "function": {"name": use.name, "arguments": ""}}]})
        for piece in _pieces(json.dumps(use.arguments)):
            yield _chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield _chunk({}, "tool_calls" if turn.uses else "stop")
    yield _sent({**_head("chat.completion.chunk"), "choices": [], "usage": _usage(turn)})
    yield b"data: [DONE]\n\n"


def _head(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-scripted", "object": kind, "created": 1, "model": MODEL}


def _chunk(delta: Mapping[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return _sent({**_head("chat.completion.chunk"), "choices": [choice]})


def _sent(value: Mapping[str, Any], name: str = "") -> bytes:
    named = f"event: {name}\n" if name else ""
    return f"{named}data: {json.dumps(value)}\n\n".encode()


def _completion(turn: Turn) -> dict[str, Any]:
    said: dict[str, Any] = {"role": "assistant", "content": turn.text or None}
    if turn.thought:
        said["reasoning_content"] = turn.thought
    if turn.uses:
        said["tool_calls"] = [
            {
                "id": use.id,
                "type": "function",
                "function": {"name": use.name, "arguments": json.dumps(use.arguments)},
            }
            for use in turn.uses
        ]
    reason = "tool_calls" if turn.uses else "stop"
    choice = {"index": 0, "message": said, "finish_reason": reason}
    return {**_head("chat.completion"), "choices": [choice], "usage": _usage(turn)}


def _blocks(turn: Turn) -> Iterator[dict[str, Any]]:
    if turn.thought:
        yield {"type": "thinking", "thinking": turn.thought, "signature": turn.signature}
    if turn.text:
        yield {"type": "text", "text": turn.text}
    for use in turn.uses:
        yield {"type": "tool_use", "id": use.id, "name": use.name, "input": dict(use.arguments)}


def _message(turn: Turn) -> dict[str, Any]:
    tokens = _usage(turn)
    return {
        "id": "msg_scripted",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": list(_blocks(turn)),
        "stop_reason": "tool_use" if turn.uses else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": tokens["prompt_tokens"],
            "output_tokens": tokens["completion_tokens"],
        },
    }


def _events(turn: Turn) -> Iterator[bytes]:
    whole = _message(turn)
    start = {**whole, "content": [], "stop_reason": None}
    start["usage"] = {**whole["usage"], "output_tokens": 1}
    yield _event("message_start", message=start)
    yield _event("ping")
    for index, block in enumerate(whole["content"]):
        yield from _block_events(index, block)
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield _event("message_delta", delta=delta, usage=whole["usage"])
    yield _event("message_stop")


def _event(kind: str, **more: Any) -> bytes:
    return _sent({"type": kind, **more}, kind)


def _block_events(index: int, block: dict[str, Any]) -> Iterator[bytes]:
    kind = block["type"]
    calls = kind == "tool_use"
    words = json.dumps(block["input"]) if calls else block[kind]
    empty: dict[str, Any] = {"input": {}} if calls else {kind: ""}
    if "signature" in block:
        empty["signature"] = ""
    named, field = ("input_json_delta", "partial_json") if calls else (f"{kind}_delta", kind)
    yield _event("content_block_start", index=index, content_block={**block, **empty})
    for piece in _pieces(words):
        yield _event("content_block_delta", index=index, delta={"type": named, field: piece})
    if block.get("signature"):
        signed = {"type": "signature_delta", "signature": block["signature"]}
        yield _event("content_block_delta", index=index, delta=signed)
    yield _event("content_block_stop", index=index)


def _parts(turn: Turn) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if turn.thought:
        parts.append({"text": turn.thought, "thought": True})
    parts += [{"text": piece} for piece in _pieces(turn.text)]
    signed = {"thoughtSignature": turn.signature} if turn.signature else {}
    for use in turn.uses:
        parts.append({"functionCall": {"name": use.name, "args": dict(use.arguments)}, **signed})
        signed = {}  # only the first call of several carries it
    return parts


def _candidate(parts: list[dict[str, Any]], reason: str | None = None) -> dict[str, Any]:
    ended = {"finishReason": reason} if reason else {}
    return {"content": {"role": "model", "parts": parts}, "index": 0, **ended}


def _metadata(turn: Turn) -> dict[str, Any]:
    tokens = _usage(turn)
    counts = {
        "promptTokenCount": tokens["prompt_tokens"],
        "candidatesTokenCount": tokens["completion_tokens"],
        "totalTokenCount": tokens["total_tokens"],
    }
    return {"usageMetadata": counts, "modelVersion": MODEL, "responseId": "scripted"}


def _candidates(turn: Turn) -> Iterator[bytes]:
    parts = _parts(turn) or [{"text": ""}]
    for part in parts[:-1]:
        yield _sent({"candidates": [_candidate([part])], **_metadata(turn)})
    yield _sent({"candidates": [_candidate(parts[-1:], "STOP")], **_metadata(turn)})
