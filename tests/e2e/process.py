"""What the operating system knows of a gateway's process; None where it does not say.

The rule: Linux only, read from /proc; a test that needs more skips.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.e2e.gateway import Gateway


def memory(gateway: Gateway) -> int | None:
    """The resident memory in bytes."""
    try:
        status = Path(f"/proc/{gateway.process.pid}/status").read_text("ascii")
    except OSError:
        return None
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else None


def descriptors(gateway: Gateway) -> int | None:
    """How many files and sockets are open."""
    try:
        return len(list(Path(f"/proc/{gateway.process.pid}/fd").iterdir()))
    except OSError:
        return None


def threads(gateway: Gateway) -> int | None:
    """How many threads there are."""
    try:
        return len(list(Path(f"/proc/{gateway.process.pid}/task").iterdir()))
    except OSError:
        return None
