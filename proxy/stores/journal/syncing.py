"""Has the disk take what was written, some milliseconds later.

The rule: nobody waits for it; one turn takes all that was written until then, and what the disk
once refused is never asked for again as if nothing had happened.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from proxy.telemetry.logging import get_logger

EVERY = 0.05


class Syncer:
    """A thread that looks after the file of one spool, and closes the files before it; `folders`
    are those that a new file becomes known by.

    `seconds` is what the last turn took, `worst` the longest, `total` all of the `turns`; after a
    failure `failed` is true until another file takes the place of the one that cannot be trusted.
    """

    def __init__(self, file: int, every: float = EVERY, folders: tuple[Path, ...] = ()) -> None:
        self._file = file
        self._folders = folders
        self._is_new = True
        self._every = every
        self._before: list[int] = []
        self._dirty = False
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.failed = False
        self.failures = 0
        self.turns = 0
        self.seconds = self.worst = self.total = 0.0

    def written(self) -> None:
        """Something was written to the file."""
        if not self._dirty:
            self._dirty = True
            self._wake.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
                self._thread.start()

    def turn_to(self, file: int) -> None:
        """From now on this one is written; what was written before is synced and closed."""
        # In this order: the thread closes what is among those before, and must not sync it again.
        before, self._file = self._file, file
        self._before.append(before)
        self.failed = False
        self._is_new = True
        self.written()

    def close(self) -> None:
        """Sync all that was written, and close the files."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        os.close(self._file)
        while self._before:
            os.close(self._before.pop())

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._stopping.wait(self._every)
            self._wake.clear()
            # Whatever is written from here on wakes it again.
            self._dirty = False
            while self._before:
                self._sync(self._before[0])
                os.close(self._before.pop(0))
            if self._is_new:
                self._is_new = False
                for folder in self._folders:
                    _sync_folder(folder)
            self._sync(self._file)
            if self._stopping.is_set():
                return

    def _sync(self, file: int) -> None:
        start = time.monotonic()
        try:
            os.fdatasync(file)
        except OSError as error:
            self.failures += 1
            self.failed = self.failed or file == self._file
            get_logger(__name__).error(
                "the disk did not take the records of calls", reason=error.strerror
            )
            return
        self.seconds = time.monotonic() - start
        self.worst = max(self.worst, self.seconds)
        self.total += self.seconds
        self.turns += 1


def _sync_folder(folder: Path) -> None:
    # Not every file system has it, and the file itself is synced all the same.
    with suppress(OSError):
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)
