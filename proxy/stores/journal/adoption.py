"""Takes over what processes have left that ended before their records were written.

The rule: a call that began and never ended gets an end, once for all who look; to take a folder
over twice changes nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace

from pipelines.begun import ORPHANED
from pipelines.record import Record
from proxy.stores.journal.folders import Folder
from proxy.stores.journal.frames import END, Unreadable, frame, packed, unpacked
from proxy.stores.journal.segments import (
    Batch,
    Reader,
    cut_tail,
    left_open,
    numbers,
    opening,
    segment,
)

WORDS = "the gateway ended before the call did"


class Left:
    """A folder that was left by its process, and is this one's now; `orphans` is how many calls
    had no end."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.orphans = 0
        self._reader = Reader(folder.path)

    def recover(self) -> None:
        """Write the ends that are missing; takes seconds where much is left. Raises OSError."""
        cut_tail(self._folder.path)
        ends = []
        for payload, names in left_open(self._folder.path):
            with suppress(Unreadable):
                ends.append(orphaned(unpacked(payload, names)))
        self.orphans = len(ends)
        if not ends:
            return
        path = segment(self._folder.path, numbers(self._folder.path)[-1] + 1)
        fresh = path.with_suffix(".new")
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(opening() + b"".join(frame(END, packed(one)) for one in ends))
            out.flush()
            os.fdatasync(out.fileno())
        fresh.replace(path)

    def batch(self, limit: int) -> Batch:
        """The oldest records. Raises OSError."""
        return self._reader.batch(limit)

    def done(self, batch: Batch) -> None:
        """These are where they belong."""
        self._reader.done(batch.place)

    @property
    def size(self) -> int:
        """How many bytes wait. Raises OSError."""
        return self._reader.left()

    def close(self, shipped: bool) -> None:
        """Delete the folder where all of it is shipped, else leave it to another process."""
        self._folder.release(remove=shipped)


def orphaned(begun: Record) -> Record:
    """The record of a call that began and whose process ended: what it had consumed until then, or
    all of it where it was over and only its texts were missing."""
    if begun.outcome != ORPHANED:
        return begun
    return replace(begun, error=WORDS, usage=replace(begun.usage, estimated=True))
