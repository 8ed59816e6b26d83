"""Records as the spool's files have them: frames of bytes, each of which can be checked by itself.

The rule: a frame that is not whole, or was changed, is never taken for a record, and those behind
it are found again; each file begins with the names of what follows, so that what another version
wrote is read as far as it is known here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from operator import attrgetter
from struct import Struct
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from pipelines.record import AttemptRecord, Record
from pipelines.usage import Usage

NAMES = b"HgN1"
BEGIN = b"HgB1"
END = b"HgE1"
DAMAGED = b""
LONGEST_FRAME = 32 * 1024 * 1024

_HEADER = Struct("<4sII")
HEADER_SIZE = _HEADER.size
_KINDS = frozenset({NAMES, BEGIN, END})
_MAGIC = re.compile(b"Hg[NBE]1")
_TUPLES = tuple(one.name for one in fields(Record) if str(one.type).startswith("tuple["))


class Unreadable(ValueError):
    """Bytes that are whole, and no record all the same."""


class Frame(NamedTuple):
    """What was found between two places of a file; of the kind DAMAGED it is no frame."""

    kind: bytes
    payload: bytes
    after: int


class Names(NamedTuple):
    """What stands at each place of a record, of its usage and of an attempt."""

    record: tuple[str, ...]
    usage: tuple[str, ...]
    attempt: tuple[str, ...]


OURS = Names(
    tuple(one.name for one in fields(Record)),
    tuple(one.name for one in fields(Usage)),
    tuple(one.name for one in fields(AttemptRecord)),
)
_record_values = attrgetter(*OURS.record)
_usage_values = attrgetter(*OURS.usage)
_attempt_values = attrgetter(*OURS.attempt)


def packed(record: Record) -> bytes:
    """The record as JSON, without the names."""
    values = _record_values(record)
    try:
        return orjson.dumps(values, _values, orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:
        # Halves of characters and numbers beyond 64 bits, which clients and providers may send.
        return json.dumps(values, default=_values).encode()


def _values(part: object) -> object:
    if type(part) is Usage:
        return _usage_values(part)
    if type(part) is AttemptRecord:
        return _attempt_values(part)
    return str(part)


def unpacked(payload: bytes, names: Names = OURS) -> Record:
    """The record that was packed. Raises Unreadable."""
    try:
        found = dict(zip(names.record, _read(payload), strict=True))
        return _record(found, names)
    except (ValueError, TypeError) as error:
        raise Unreadable(f"no record: {type(error).__name__}") from None


def call_of(payload: bytes, names: Names = OURS) -> str:
    """Which call it is about: its own id, as the gateway gave it. Raises Unreadable."""
    try:
        values = _read(payload)
        serial = values[names.record.index("serial")]
        return str(serial or values[names.record.index("id")])
    except (ValueError, TypeError, IndexError) as error:
        raise Unreadable(f"no record: {type(error).__name__}") from None


def names_in(payload: bytes) -> Names:
    """The names at a file's beginning. Raises Unreadable."""
    try:
        record, usage, attempt = orjson.loads(payload)
        return Names(tuple(record), tuple(usage), tuple(attempt))
    except (ValueError, TypeError):
        raise Unreadable("no names") from None


def frame(kind: bytes, payload: bytes) -> bytes:
    """The bytes that stand in the file."""
    return _HEADER.pack(kind, len(payload), crc32(payload)) + payload


def scanned(raw: bytes, whole: bool) -> Iterator[Frame]:
    """The frames in these bytes, in their order, and the damaged stretches between them.

    Where more is to come (not `whole`), it ends before a frame that is not there to its end.
    """
    at = 0
    while at < len(raw):
        found = _frame(raw, at)
        if found is None and not whole and _may_grow(raw, at):
            return
        if found is None:
            found = Frame(DAMAGED, b"", _next(raw, at + 1, whole))
            found = found._replace(payload=raw[at : found.after])
        yield found
        at = found.after


def _frame(raw: bytes, at: int) -> Frame | None:
    start = at + HEADER_SIZE
    if start > len(raw):
        return None
    kind, length, check = _HEADER.unpack_from(raw, at)
    if kind not in _KINDS or length > LONGEST_FRAME or start + length > len(raw):
        return None
    payload = raw[start : start + length]
    return Frame(kind, payload, start + length) if crc32(payload) == check else None


def _may_grow(raw: bytes, at: int) -> bool:
    start = at + HEADER_SIZE
    if start > len(raw):
        return True
    kind, length, _ = _HEADER.unpack_from(raw, at)
    return kind in _KINDS and length <= LONGEST_FRAME and start + length > len(raw)


def _next(raw: bytes, at: int, whole: bool) -> int:
    for found in _MAGIC.finditer(raw, at):
        if _frame(raw, found.start()) is not None:
            return found.start()
        if not whole and _may_grow(raw, found.start()):
            return found.start()
    # The magic itself may be cut in two.
    return len(raw) if whole else max(at, len(raw) - len(BEGIN) + 1)


def _read(payload: bytes) -> list[Any]:
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError:
        found = json.loads(payload)
    if not isinstance(found, list):
        raise TypeError
    return found


def _record(found: dict[str, Any], names: Names) -> Record:
    usage = dict(zip(names.usage, found.pop("usage", ()), strict=False))
    attempts = found.pop("attempts", ())
    if names is not OURS:
        found = {name: found[name] for name in OURS.record if name in found}
        usage = {name: usage[name] for name in OURS.usage if name in usage}
    for name in _TUPLES:
        if name in found:
            found[name] = tuple(found[name])
    tried = tuple([_attempt(one, names) for one in attempts])
    return Record(**found, usage=Usage(**usage), attempts=tried)


def _attempt(values: list[Any], names: Names) -> AttemptRecord:
    if names is OURS:
        return AttemptRecord(*values)
    found = dict(zip(names.attempt, values, strict=False))
    return AttemptRecord(**{name: found[name] for name in OURS.attempt if name in found})
