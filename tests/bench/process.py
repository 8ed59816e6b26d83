"""Processes that are measured: started on one core, read from /proc, and always stopped.

The rule: what the system does not tell is None, and never a guess.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Self

# A variable of these would make one interpreter slower, or have it compile at every start.
UNSET = ("PYTHONDONTWRITEBYTECODE", "PYTHONDEVMODE", "PYTHONASYNCIODEBUG", "PYTHONMALLOC")
START_WITHIN = 30.0
STOP_WITHIN = 6.0
LOOK_EVERY = 0.004


class NotStarted(Exception):
    """A process ended, or gave no sign of life in time."""


class Child:
    """One process of ours. It is stopped when the `with` block is left."""

    def __init__(
        self,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str] | None = None,
        core: int | None = None,
        errors: int | IO[bytes] = subprocess.DEVNULL,
    ) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in UNSET}
        self.argv = tuple(argv)
        self.begun = time.monotonic()
        self._process = subprocess.Popen(
            self.argv,
            cwd=cwd,
            env={**kept, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        self.pid = self._process.pid
        pin(self.pid, core)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.poll() is not None

    def wait(self, seconds: float) -> bool:
        """Whether it ends by itself within so many seconds."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """Ask it to end, and end it when it does not."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        if not self.wait(STOP_WITHIN):
            self._process.kill()
            self._process.wait()

    def until_healthy(self, port: int, path: str) -> float:
        """Seconds from the start to the first 200 on this path. Raises NotStarted."""
        while time.monotonic() < self.begun + START_WITHIN:
            if _answers(port, path):
                return time.monotonic() - self.begun
            if self.ended:
                raise NotStarted("it ended at once")
            time.sleep(LOOK_EVERY)
        raise NotStarted(f"it gave no healthy answer within {START_WITHIN:.0f} s")


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def raise_file_limit() -> int:
    """Let this process and its children open as many files as they may; says how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def two_cores() -> tuple[int, int] | None:
    """A core for the gateway and one for the load and the provider, where there are two."""
    if sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) > 1 and pin(0, cores[1]):
            return cores[0], cores[1]
    return None


def pin(pid: int, core: int | None) -> bool:
    """Hold a process to one core; False where that is not possible."""
    if sys.platform == "linux" and core is not None:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(pid, {core})
            return True
    return False


def cpu_seconds(pid: int) -> float | None:
    """User and system time of a process until now."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return None


def resident_kb(pid: int) -> int | None:
    """Resident memory of a process, in KiB."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return None


def machine_seconds() -> float | None:
    """CPU time that the whole machine has spent until now, on all its cores."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        first = Path("/proc/stat").read_text().partition("\n")[0]
        fields = [int(field) for field in first.split()[1:9]]
        return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")
    return None


def own_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
