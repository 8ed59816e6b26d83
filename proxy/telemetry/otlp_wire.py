"""Writes spans as the protobuf of OTLP, and reads the answer.

The rule: it knows no more of protobuf than spans need, and takes less time than the library does,
because it runs beside the calls. Field numbers are those of opentelemetry-proto 1.x:
https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

SERVER = 2
CLIENT = 3

Value = str | bool | int | float | Sequence[str]

_ERROR = b"\x18\x02"
_SAMPLED = b"\x85\x01" + struct.pack("<I", 0x01)
# It has a parent, and that is in another process.
_REMOTE = b"\x85\x01" + struct.pack("<I", 0x301)
_fixed = struct.Struct("<Q").pack
_double = struct.Struct("<d").pack


@dataclass(slots=True)
class Event:
    """Something that happened at one moment of a span, in nanoseconds since 1970."""

    name: str
    at: int
    attributes: dict[str, Value]


@dataclass(slots=True)
class Span:
    """One step of a trace; ids in hexadecimal digits, times in nanoseconds since 1970. `error` is
    what went wrong ("": unsaid), or None."""

    trace: str
    id: str
    parent: str
    name: str
    kind: int
    begin: int
    end: int
    attributes: dict[str, Value]
    error: str | None = None
    remote: bool = False
    events: list[Event] = field(default_factory=list)


def encode_span(span: Span) -> bytes:
    """The bytes of one span, to be handed to `request`."""
    parts = [
        b"\x0a\x10",
        bytes.fromhex(span.trace),
        b"\x12\x08",
        bytes.fromhex(span.id),
        _text(b"\x2a", span.name),
        b"\x30",
        _varint(span.kind),
        b"\x39",
        _fixed(span.begin),
        b"\x41",
        _fixed(max(span.begin, span.end)),
    ]
    if span.parent:
        parts += (b"\x22\x08", bytes.fromhex(span.parent))
    parts += [_attribute(b"\x4a", *one) for one in span.attributes.items()]
    parts += [_block(b"\x5a", _event(one)) for one in span.events]
    if span.error is not None:
        parts.append(_block(b"\x7a", _text(b"\x12", span.error) + _ERROR))
    parts.append(_REMOTE if span.remote else _SAMPLED)
    return b"".join(parts)


def encode_request(spans: Iterable[bytes], resource: Mapping[str, Value], scope: str) -> bytes:
    """An ExportTraceServiceRequest of such spans, all of one resource."""
    owner = b"".join([_attribute(b"\x0a", *one) for one in resource.items()])
    inner = _block(b"\x0a", _text(b"\x0a", scope))
    inner += b"".join([_block(b"\x12", one) for one in spans])
    return _block(b"\x0a", _block(b"\x0a", owner) + _block(b"\x12", inner))


def rejected(answer: bytes) -> int:
    """How many spans an ExportTraceServiceResponse says were not accepted; 0 where it cannot be
    read."""
    # partial_success, whose first field is rejected_spans; an answer in JSON begins otherwise.
    if answer[:1] != b"\x0a" or answer[2:3] != b"\x08":
        return 0
    count = shift = 0
    for byte in answer[3:13]:
        count |= (byte & 0x7F) << shift
        if byte < 0x80:
            return count
        shift += 7
    return 0


def _event(event: Event) -> bytes:
    attributes = [_attribute(b"\x1a", *one) for one in event.attributes.items()]
    return b"\x09" + _fixed(event.at) + _text(b"\x12", event.name) + b"".join(attributes)


def _attribute(tag: bytes, name: str, value: Value) -> bytes:
    key = _key(name)
    if isinstance(value, str):
        raw = value.encode("utf-8", "replace")
        size = len(raw)
        whole = len(key) + size + 4
        if whole < 0x80:
            # Most of them: each length is one byte, and one operation writes all.
            return b"%b%c%b\x12%c\x0a%c%b" % (tag, whole, key, size + 2, size, raw)
    return _block(tag, key + _block(b"\x12", _any(value)))


@lru_cache(1024)
def _key(name: str) -> bytes:
    return _text(b"\x0a", name)


def _any(value: Value) -> bytes:
    if isinstance(value, str):
        return _text(b"\x0a", value)
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        return b"\x18" + _varint(value & 0xFFFFFFFFFFFFFFFF)
    if isinstance(value, float):
        return b"\x21" + _double(value)
    return _block(b"\x2a", b"".join([_block(b"\x0a", _any(one)) for one in value]))


def _text(tag: bytes, text: str) -> bytes:
    return _block(tag, text.encode("utf-8", "replace"))


def _block(tag: bytes, raw: bytes) -> bytes:
    return tag + _varint(len(raw)) + raw


def _varint(number: int) -> bytes:
    if number < 0x80:
        return number.to_bytes(1, "little")
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
