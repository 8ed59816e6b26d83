"""The file to which one process writes what it takes and settles, a line each.

The rule: a line is in the hands of the system when `append` returns, so that no end of the process
can lose it; the disk has it some milliseconds later.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from proxy.stores.ledger.folding import segment

# Settlements that cannot be written just now.
KEPT_LINES = 200_000


class Lines:
    """Appends to one segment after the other."""

    def __init__(self, path: Path, number: int) -> None:
        self._path = path
        self._number = number
        self._file = _opened(segment(path, number))
        self._torn = False
        self._kept: list[bytes] = []
        self.unsynced = False
        self.size = 0

    @property
    def kept(self) -> int:
        """How many lines could not be written yet."""
        return len(self._kept)

    def append(self, line: bytes) -> None:
        """Write one line, after those that are kept. Raises OSError; then nothing of it counts."""
        if self._kept or self._torn:
            self.retry()
        self._write(line)

    def keep(self, line: bytes) -> None:
        """Write one line, now or later."""
        try:
            self.append(line)
        except OSError:
            self._kept.append(line)
            del self._kept[:-KEPT_LINES]

    def retry(self) -> None:
        """Write what is kept. Raises OSError."""
        if self._torn:
            self._write(b"")
        while self._kept:
            self._write(self._kept[0])
            del self._kept[0]

    def syncing(self) -> Callable[[], None]:
        """What has the disk take all that was written until now, in any thread; it raises
        OSError."""
        self.unsynced = False
        return partial(_synced, os.dup(self._file))

    def rotate(self) -> None:
        """Begin a new segment. Raises OSError."""
        fresh = _opened(segment(self._path, self._number + 1))
        os.close(self._file)
        self._file, self._number = fresh, self._number + 1
        self._torn, self.size = False, 0

    def close(self) -> None:
        """Close the segment, and take it away if it is empty."""
        os.close(self._file)
        if not self.size:
            segment(self._path, self._number).unlink(missing_ok=True)

    def _write(self, line: bytes) -> None:
        # What was written in part ends with its own line, and is read as damaged.
        whole = b"\n" + line if self._torn else line
        written = os.write(self._file, whole)
        self.size += written
        self.unsynced = True
        self._torn = written != len(whole)
        if self._torn:
            raise OSError("only a part was written")


def _synced(file: int) -> None:
    try:
        os.fdatasync(file)
    finally:
        os.close(file)


def _opened(file: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.open(file, flags, 0o600)
