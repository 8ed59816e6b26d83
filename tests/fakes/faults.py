"""The modes of the faulty provider: one mode, one fault.

The rule: a mode is a plain sequence of steps that says exactly what goes over the wire and when.
"""

from __future__ import annotations

import re
import zlib
from functools import partial
from struct import pack
from types import MappingProxyType

from tests.fakes import good
from tests.fakes.wire import (
    BODY_END,
    DONE,
    SSE_HEAD,
    Break,
    Mode,
    Received,
    Step,
    Steps,
    chunk,
    compact,
    completion,
    ending,
    event,
    opened,
    whole,
)

FOR_EVER = 120.0
SECRET = "sk-upstream-SECRET"
OVERLOADED = b'data: {"error":{"message":"overloaded","type":"server_error","code":529}}\n\n'


def find(mode: str) -> Mode:
    """The mode of that name; a name that is not known answers 404."""
    known = MODES.get(mode)
    if known is not None:
        return known
    if flaky := re.fullmatch(r"flaky(\d+)", mode):
        return partial(_flaky, int(flaky[1]))
    if re.fullmatch(r"[45]\d\d", mode):
        return _error(int(mode), f"status {mode}")
    return _error(404, f"no such mode {mode}")


def _sends(*steps: Step) -> Mode:
    return lambda _: iter(steps)


def _streams(*events: bytes, then: tuple[Step, ...]) -> Mode:
    return _sends(SSE_HEAD, *(chunk(raw) for raw in events), *then)


def _error(status: int, message: str, headers: bytes = b"") -> Mode:
    kind = "rate_limit_exceeded" if status == 429 else "server_error"
    error = {"message": message, "type": kind, "code": kind}
    return _sends(whole(status, {"error": error}, headers))


def _repeating(status: int) -> Mode:
    """An error that repeats the prompt, as validators of schemas write it."""

    def answer(asked: Received) -> Steps:
        talk = asked.json.get("messages") or [{"content": asked.json.get("input")}]
        said = asked.json.get("prompt") or talk[-1]["content"]
        return _error(status, f"Input should be valid, got {said!r}")(asked)

    return answer


def _flaky(failures: int, asked: Received) -> Steps:
    return _error(500, "try again")(asked) if asked.hit <= failures else good.ok(asked)


def _bytewise(asked: Received) -> Steps:
    yield SSE_HEAD
    for byte in event("t0 "):
        yield chunk(bytes([byte]))
        yield 0.05
    yield from ending(asked)


def _endless_line(_: Received) -> Steps:
    yield from opened(b"data: ")
    for _number in range(3000):
        yield chunk(b"y" * 65536)
    yield Break.CLOSE


def _big_event(asked: Received) -> Steps:
    yield from opened(event("x" * (64 << 20)))
    yield from ending(asked)


def _big_json(_: Received) -> Steps:
    yield whole(200, completion("z" * (100 << 20)))


def _gzip_bomb(_: Received) -> Steps:
    """One gigabyte of blanks in one megabyte; the same packed block again and again."""
    blanks, times = b" " * (1 << 20), 1024
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(blanks) + packer.flush(zlib.Z_FULL_FLUSH)
    head = b"\x1f\x8b\x08" + b"\0" * 6 + b"\xff"
    tail = packer.flush() + pack("<II", _checksum(blanks, times), len(blanks) * times)
    yield whole(200, head + block * times + tail, b"Content-Encoding: gzip\r\n")


def _checksum(block: bytes, times: int) -> int:
    checksum = 0
    for _number in range(times):
        checksum = zlib.crc32(block, checksum)
    return checksum


def _bad_utf8(asked: Received) -> Steps:
    yield from opened(event("a??b").replace(b"??", b"\xff\xfe"))
    yield from ending(asked)


def _half(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def _of_length(length: int, body: bytes, media: bytes = b"application/json") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (media, length) + body


_T0, _T1 = event("t0 "), event("t1 ")
_NO_CHUNK = b"zz\r\nthis is no chunk\r\n"
_UNBOUNDED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
_TWO_LENGTHS = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"
_HTML = b"<html>gateway timeout</html>"
_LIMITS = b"Retry-After: 7\r\nx-ratelimit-remaining-requests: 0\r\n"
_LIE = completion(usage={"prompt_tokens": -5, "completion_tokens": 10**12, "total_tokens": "x"})
_ELSEWHERE = b"Location: http://127.0.0.1:9/evil\r\n"

_BEFORE_THE_FIRST_BYTE = MappingProxyType[str, Mode](
    {
        "nofirst": _sends(FOR_EVER),
        "nofirst_hdr": _sends(SSE_HEAD, FOR_EVER),
        "reset": _sends(Break.RESET),
        "closed_after_head": _sends(SSE_HEAD, Break.CLOSE),
        "error_first_event": _streams(OVERLOADED, DONE, then=(BODY_END,)),
        "429": _error(429, "slow down", _LIMITS),
        "429date": _error(429, "slow down", b"Retry-After: Wed, 21 Oct 2099 07:28:00 GMT\r\n"),
        "500": _error(500, f"secret stack trace {SECRET}"),
        "badchunk": _sends(SSE_HEAD, _NO_CHUNK, FOR_EVER),
        "503html": _sends(
            b"HTTP/1.1 503 X\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<h1>x"
        ),
        "repeats400": _repeating(400),
        "repeats500": _repeating(500),
        "401": _error(401, f"Incorrect API key provided: {SECRET}"),
        "redirect": _sends(whole(307, b"", _ELSEWHERE)),
    }
)

_AFTER_THE_FIRST_BYTE = MappingProxyType[str, Mode](
    {
        "stall": _streams(_T0, _T1, then=(FOR_EVER,)),
        "cut_chunk": _streams(_T0, _T1, then=(Break.CLOSE,)),
        "cut_mid_event": _streams(_T0, then=(_half(chunk(_T1)), Break.CLOSE)),
        "badchunk_mid": _streams(_T0, then=(_NO_CHUNK, FOR_EVER)),
        "rst": _streams(_T0, then=(0.1, Break.RESET)),
        "clean_eof": _streams(_T0, _T1, then=(BODY_END,)),
        "close_delim_cut": _sends(_UNBOUNDED, _T0, _T1, Break.CLOSE),
        "sse_error_mid": _streams(_T0, OVERLOADED, DONE, then=(BODY_END,)),
        "badutf8": _bad_utf8,
        "badjson": good.ended(_T0, b"data: {not json\n\n", _T1),
        "bytewise": _bytewise,
        "bigevent": _big_event,
        "endless_line": _endless_line,
    }
)

_WHOLE = MappingProxyType[str, Mode](
    {
        "html200": _sends(_of_length(len(_HTML), _HTML, b"text/html")),
        "json_for_stream": _sends(whole(200, completion())),
        "json_error_200": _sends(whole(200, {"error": {"message": "no", "type": "server_error"}})),
        "gzipbomb": _gzip_bomb,
        "bigjson": _big_json,
        "deepjson": _sends(whole(200, b'{"choices":' + b"[" * 200_000 + b"]" * 200_000 + b"}")),
        "clmismatch": _sends(_of_length(5000, compact(completion())), Break.CLOSE),
        "half_stall": _sends(_of_length(5000, compact(completion())), FOR_EVER),
        "badjson200": _sends(whole(200, b'{"choices": [')),
        "dupcl": _sends(_TWO_LENGTHS + b'{"a":1}'),
        "bighdr": _sends(whole(200, {}, b"X-A: " + b"a" * 200_000 + b"\r\n")),
        "usage_lie": _sends(whole(200, _LIE)),
        "empty200": _sends(whole(200, b"")),
        "smuggled_resp": _sends(
            whole(200, completion("first")) + whole(200, completion("SECOND-for-someone-else"))
        ),
    }
)

MODES = MappingProxyType[str, Mode](
    {**good.MODES, **_BEFORE_THE_FIRST_BYTE, **_AFTER_THE_FIRST_BYTE, **_WHOLE}
)
