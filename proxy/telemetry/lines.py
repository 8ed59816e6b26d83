"""Writes log lines without a system call for each.

The rule: a line leaves within a tenth of a second, at once where nothing is running, and always
before the process ends.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TextIO

DELAY = 0.05
LONGEST = 64 * 1024


class LineWriter:
    """Collects lines while the event loop is busy and writes them together."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lines: list[str] = []
        self._size = 0
        self._due_in: asyncio.AbstractEventLoop | None = None

    def write(self, line: str) -> None:
        """Take one line, without its line end."""
        self._lines.append(line)
        self._size += len(line)
        # The timer of a loop that has ended will never fire. The loop that runs is asked for only
        # where there is no timer: on Python 3.11 that costs a system call.
        if self._due_in is None or not self._due_in.is_running():
            try:
                self._due_in = asyncio.get_running_loop()
            except RuntimeError:
                self.flush()
                return
            self._due_in.call_later(DELAY, self._due)
        elif self._size > LONGEST:
            self.flush()

    msg = debug = info = warning = warn = error = critical = exception = fatal = write

    def flush(self) -> None:
        """Write what was collected; a stream that is gone or full is nobody's error."""
        lines, self._lines, self._size = self._lines, [], 0
        if lines:
            with suppress(OSError, ValueError):
                self._out.write("\n".join(lines) + "\n")
                self._out.flush()

    def _due(self) -> None:
        self._due_in = None
        self.flush()
