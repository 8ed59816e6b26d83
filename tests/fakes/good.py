"""The modes of the faulty provider that answer well, each in a provider's own way.

The rule: a usage chunk is sent only where the request asks for one, unless the mode is about a
provider that does otherwise.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from types import MappingProxyType

from tests.fakes.wire import (
    BODY_END,
    DONE,
    SSE_HEAD,
    USAGE,
    Mode,
    Received,
    Steps,
    chat_chunk,
    chunk,
    completion,
    ending,
    event,
    opened,
    sse,
    whole,
)

ARGUMENTS = '{"city":"Paris"}'


def ok(asked: Received) -> Steps:
    """What a good provider answers, whatever was asked: five words, or a vector."""
    if asked.path.endswith("/embeddings"):
        yield from embeddings(asked)
    elif not asked.path.endswith("/chat/completions"):
        yield from completions(asked)
    elif not asked.streaming:
        yield whole(200, completion())
    else:
        yield SSE_HEAD
        for number in range(5):
            yield chunk(event(f"t{number} "))
            yield 0.01
        yield from ending(asked)


def goes_on(asked: Received) -> Steps:
    """The five words too; but where the last message names words to begin with, what follows them
    with these in front."""
    if not asked.streaming:
        yield whole(200, completion())
        return
    words, turns = "t0 t1 t2 t3 t4 ", asked.json.get("messages") or [{}]
    if marked := re.search(r"<<<<<<\n(.*)\n>>>>>>", str(turns[-1].get("content")), re.DOTALL):
        words = words[words.index(marked[1]) :]
    yield SSE_HEAD
    for word in re.findall(r"\S+\s*", words):
        yield chunk(event(word))
        yield 0.01
    yield from ending(asked)


def completions(asked: Received) -> Steps:
    """A reply in the old completions dialect."""
    base = {"id": "c1", "object": "text_completion", "created": 1, "model": "m"}

    def said(text: str, finish: str | None) -> dict[str, object]:
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
        return {**base, "choices": [choice]}

    if not asked.streaming:
        yield whole(200, said("hello world", "stop") | {"usage": dict(USAGE)})
        return
    yield from opened(sse(said("hello ", None)), sse(said("world", "stop")))
    if asked.wants_usage:
        yield chunk(sse({**base, "choices": [], "usage": dict(USAGE)}))
    yield chunk(DONE) + BODY_END


def embeddings(asked: Received) -> Steps:
    """One vector of two numbers for each input, as numbers or as base64."""
    given = asked.json.get("input")
    count = len(given) if isinstance(given, list) else 1
    vector: object = [0.6, 0.8]
    if asked.json.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack("<2f", 0.6, 0.8)).decode()
    data = [{"object": "embedding", "index": i, "embedding": vector} for i in range(count)]
    usage = {"prompt_tokens": 10, "total_tokens": 10}
    yield whole(200, {"object": "list", "data": data, "model": "m", "usage": usage})


def list_models(models: tuple[str, ...]) -> Mode:
    """The mode that lists models."""

    def mode(_: Received) -> Steps:
        rows = [{"id": model, "object": "model", "created": 1, "owned_by": "m"} for model in models]
        yield whole(200, {"object": "list", "data": rows})

    return mode


def replay(pieces: tuple[bytes, ...], content_type: str, pause: float) -> Mode:
    """The mode that answers with given bytes, one HTTP chunk a piece, `pause` seconds apart."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n"

    def mode(_: Received) -> Steps:
        yield head.encode("latin-1")
        # An empty chunk would end the body.
        for piece in filter(None, pieces):
            yield chunk(piece)
            yield pause
        yield BODY_END

    return mode


def ended(*events: bytes) -> Mode:
    """A mode that streams these events and ends well."""

    def mode(asked: Received) -> Steps:
        yield from opened(*events)
        yield from ending(asked)

    return mode


def slow(asked: Received) -> Steps:
    """A minute of words, ten a second."""
    yield SSE_HEAD
    for number in range(600):
        yield chunk(event(f"t{number} "))
        yield 0.1
    yield from ending(asked)


def slow_first(asked: Received) -> Steps:
    """A good reply that begins after 200 ms."""
    yield 0.2
    yield from ok(asked)


def comments(asked: Received) -> Steps:
    """Comments before and between the events."""
    ping = b": keep-alive\n\n"
    yield from opened(ping, event("t0 "), ping, ping, event("t1 "), ping)
    yield from ending(asked)


def crlf(asked: Received) -> Steps:
    """Lines that end in CR LF, with a comment first."""
    yield from opened(b": ping\r\n\r\n")
    events = [event("t0 "), event("t1 "), event("t2 "), event(None, "stop")]
    if asked.wants_usage:
        events.append(event(None, choices=[], usage=dict(USAGE)))
    for raw in (*events, DONE):
        yield chunk(raw.replace(b"\n", b"\r\n"))
    yield BODY_END


def no_space(asked: Received) -> Steps:
    """Fields without a blank after the colon, and fields that are seldom seen."""
    typed = b"event: message\nid: 3\nretry: 10\n"
    said = (event(f"t{number} ").replace(b"data: ", b"data:") for number in range(3))
    yield from opened(*(typed + raw for raw in said))
    yield from ending(asked)


def byte_chunks(asked: Received) -> Steps:
    """Characters of several bytes, one byte a chunk."""
    yield from opened(*(bytes([byte]) for byte in event("日本語🙂é")))
    yield from ending(asked)


def no_done(_: Received) -> Steps:
    """A finish_reason, but no [DONE]."""
    yield from opened(event("t0 "), event("t1 "), event(None, "stop"))
    yield BODY_END


def no_usage(asked: Received) -> Steps:
    """A provider that never says what was used."""
    if not asked.streaming:
        reply = completion()
        del reply["usage"]
        yield whole(200, reply)
        return
    yield from opened(*(event(f"t{number} ") for number in range(5)), event(None, "stop"))
    yield chunk(DONE) + BODY_END


def usage_in_choice(_: Received) -> Steps:
    """Usage on the chunk that ends the choice, asked for or not."""
    yield from opened(event("t0 "), event("t1 "), event(None, "stop", usage=dict(USAGE)))
    yield chunk(DONE) + BODY_END


def usage_on_every_chunk(_: Received) -> Steps:
    """Usage that grows on every chunk, asked for or not."""
    grown = ({**USAGE, "completion_tokens": n, "total_tokens": 10 + n} for n in range(1, 5))
    yield from opened(*(event(f"t{n} ", usage=usage) for n, usage in enumerate(grown)))
    yield chunk(event(None, "stop", usage=dict(USAGE)))
    yield chunk(DONE) + BODY_END


def usage_spaced(asked: Received) -> Steps:
    """A usage chunk whose JSON has blanks."""
    yield from opened(event("t0 "), event(None, "stop"))
    if asked.wants_usage:
        value = chat_chunk({}) | {"choices": [], "usage": dict(USAGE)}
        yield chunk(b"data: " + json.dumps(value).encode() + b"\n\n")
    yield chunk(DONE) + BODY_END


def tool(asked: Received) -> Steps:
    """A call of a tool, in fragments where a stream was asked for."""
    named = {"name": "get_weather", "arguments": ARGUMENTS}
    call = {"id": "call_1", "type": "function", "function": named}
    if not asked.streaming:
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        yield whole(200, completion(choices=[choice]))
        return
    begun = {"index": 0, **call, "function": {"name": "get_weather", "arguments": ""}}
    parts = (
        {"index": 0, "function": {"arguments": part}} for part in re.findall(".{1,5}", ARGUMENTS)
    )
    yield from opened(
        sse(chat_chunk({"role": "assistant", "content": None, "tool_calls": [begun]})),
        *(sse(chat_chunk({"tool_calls": [part]})) for part in parts),
    )
    yield from ending(asked, "tool_calls")


MODES = MappingProxyType[str, Mode](
    {
        "ok": ok,
        "goes_on": goes_on,
        "embeddings": embeddings,
        "slow": slow,
        "slowfirst": slow_first,
        "comments": comments,
        "crlf_sse": crlf,
        "nospace_sse": no_space,
        "utf8split": byte_chunks,
        "no_done": no_done,
        "nousage": no_usage,
        "usage_in_choice": usage_in_choice,
        "usage_on_every_chunk": usage_on_every_chunk,
        "usage_spaced": usage_spaced,
        "tool": tool,
    }
)
