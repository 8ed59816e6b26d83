"""Whose a spool's folder is.

The rule: a folder belongs to the process that has its lock, and to nobody when that has ended,
whatever ended it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TRIES = 20


@dataclass(slots=True)
class Folder:
    """A folder that this process has for itself, until it gives it back."""

    path: Path
    _file: int

    def release(self, remove: bool) -> None:
        """Let others have it, or delete it with all that is in it."""
        if remove:
            with suppress(OSError):
                for one in self.path.iterdir():
                    one.unlink()
                self.path.rmdir()
        os.close(self._file)


def claim_new(root: Path) -> Folder:
    """A new folder of one's own. Raises OSError."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for _ in range(TRIES):
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        path = root / f"{stamp}-{os.getpid()}-{secrets.token_hex(4)}"
        path.mkdir(mode=0o700)
        # Another process may have found it in the meantime, and taken it for one that was left.
        found = _claimed(path)
        if found is not None:
            return found
    raise OSError(f"no folder can be locked in {root}")


def claim_left(root: Path) -> Iterator[Folder]:
    """The folders that nobody has any more, each locked when it is given. Raises OSError."""
    if not root.is_dir():
        return
    for path in sorted(root.iterdir()):
        found = _claimed(path) if path.is_dir() else None
        if found is not None:
            yield found


def _claimed(path: Path) -> Folder | None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Who had the lock may have deleted the folder before it let go.
        if os.path.samestat(os.fstat(file), path.stat()):
            return Folder(path, file)
    except OSError:
        pass
    os.close(file)
    return None
