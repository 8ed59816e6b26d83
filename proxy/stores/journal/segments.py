"""The files of one spool: one segment after the other, and how far they were read.

The rule: what was read is written down by a rename, so that after any end it is read again from
there or from before; a segment is deleted when all of it was read and a later one is there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import orjson

from proxy.stores.journal.frames import (
    BEGIN,
    DAMAGED,
    END,
    LONGEST_FRAME,
    NAMES,
    OURS,
    Names,
    Unreadable,
    call_of,
    frame,
    names_in,
    scanned,
)

CHECKPOINT = "checkpoint"
READ = 1024 * 1024
NAMES_WITHIN = 16 * 1024

_NAMES_FRAME = frame(NAMES, orjson.dumps(tuple(OURS)))


class Place(NamedTuple):
    """A place in the segments: which, and how many bytes into it."""

    number: int = 0
    offset: int = 0


START = Place()


@dataclass(slots=True)
class Batch:
    """What was read of one segment: the records' bytes and the names for them, the place behind,
    and what was found damaged."""

    payloads: list[bytes] = field(default_factory=list)
    names: Names = OURS
    place: Place = START
    damaged: list[bytes] = field(default_factory=list)


def opening() -> bytes:
    """What every segment begins with."""
    return _NAMES_FRAME


def segment(folder: Path, number: int) -> Path:
    """The file of one segment."""
    return folder / f"{number:010d}.log"


def numbers(folder: Path) -> list[int]:
    """The numbers of the segments that are there, the oldest first."""
    return sorted(int(one.stem) for one in folder.glob(f"{'[0-9]' * 10}.log"))


class Reader:
    """Reads the ends of calls in the order in which they were written.

    `written` says how far its segments are written, where somebody still writes them; else all of
    them is read.
    """

    def __init__(self, folder: Path, written: Callable[[], Place] | None = None) -> None:
        self._folder = folder
        self._written = written
        self.place = _checkpoint(folder)

    def batch(self, limit: int) -> Batch:
        """The next `limit` records, or as many as are left in their segment; none where that was
        all. It gives the same ones until they are done. Raises OSError."""
        found = Batch(place=self.place)
        for number in numbers(self._folder):
            if number < found.place.number:
                continue
            if number > found.place.number:
                found.place = Place(number, 0)
            found.names = names_of(self._folder, number)
            self._read(found, limit)
            if found.payloads or found.damaged:
                break
        return found

    def done(self, place: Place) -> int:
        """Remember that everything before this place is done; gives how many bytes were deleted.
        Raises OSError."""
        # A full disk must not keep what is done from being deleted; it is at worst done twice.
        with suppress(OSError):
            fresh = self._folder / f"{CHECKPOINT}.new"
            fresh.write_bytes(orjson.dumps(tuple(place)))
            fresh.replace(self._folder / CHECKPOINT)
        self.place = place
        freed = 0
        for number in numbers(self._folder):
            if number < place.number:
                old = segment(self._folder, number)
                freed += old.stat().st_size
                old.unlink(missing_ok=True)
        return freed

    def left(self) -> int:
        """How many bytes lie behind the place that is done. Raises OSError."""
        sizes = {one: self._size(one) for one in numbers(self._folder) if one >= self.place.number}
        return sum(sizes.values()) - (self.place.offset if self.place.number in sizes else 0)

    def _read(self, found: Batch, limit: int) -> None:
        number, at = found.place
        size = self._size(number)
        with segment(self._folder, number).open("rb", buffering=0) as file:
            length = READ
            while at < size and len(found.payloads) < limit:
                raw = os.pread(file.fileno(), min(length, size - at), at)
                after = self._taken(found, limit, raw, at + len(raw) >= size)
                if not after and length > LONGEST_FRAME:
                    after = len(raw)
                length = READ if after else length * 8
                at += after
        found.place = Place(number, at)

    def _taken(self, found: Batch, limit: int, raw: bytes, whole: bool) -> int:
        after = 0
        for one in scanned(raw, whole):
            if len(found.payloads) >= limit:
                break
            after = one.after
            if one.kind == END:
                found.payloads.append(one.payload)
            elif one.kind == DAMAGED:
                found.damaged.append(one.payload)
        return after

    def _size(self, number: int) -> int:
        if self._written is not None:
            place = self._written()
            if number == place.number:
                return place.offset
        return segment(self._folder, number).stat().st_size


def names_of(folder: Path, number: int) -> Names:
    """The names that a segment begins with, or ours where it has none. Raises OSError."""
    known = _NAMES_FRAME
    with segment(folder, number).open("rb", buffering=0) as file:
        start = file.read(max(len(known), NAMES_WITHIN))
    if start.startswith(known):
        return OURS
    for one in scanned(start, whole=True):
        if one.kind == NAMES:
            with suppress(Unreadable):
                return names_in(one.payload)
        break
    return OURS


def left_open(folder: Path) -> list[tuple[bytes, Names]]:
    """The beginnings that have no end. Raises OSError."""
    found: dict[str, tuple[bytes, Names]] = {}
    for number in numbers(folder):
        names = names_of(folder, number)
        # One segment is held in memory at a time.
        for one in scanned(segment(folder, number).read_bytes(), whole=True):
            if one.kind not in (BEGIN, END):
                continue
            with suppress(Unreadable):
                call = call_of(one.payload, names)
                found.pop(call, None)
                if one.kind == BEGIN:
                    found[call] = (one.payload, names)
    return list(found.values())


def cut_tail(folder: Path) -> int:
    """Cut off what was being written when the process ended; gives how many bytes. Raises
    OSError."""
    known = numbers(folder)
    if not known:
        return 0
    last = segment(folder, known[-1])
    good = size = 0
    for one in scanned(last.read_bytes(), whole=True):
        size = one.after
        if one.kind != DAMAGED:
            good = one.after
    if good < size:
        os.truncate(last, good)
    return size - good


def _checkpoint(folder: Path) -> Place:
    try:
        number, offset = orjson.loads((folder / CHECKPOINT).read_bytes())
        return Place(int(number), int(offset))
    except (OSError, ValueError, TypeError):
        return START
