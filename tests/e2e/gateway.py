"""Runs the real gateway as a process of its own, and hears what it says.

The rule: it is started as a person starts it, nothing reaches into it, and whatever it writes that
is not one of its own log lines fails the test.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tests.e2e.plain import ask

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-headgate-end-to-end"
PATIENCE = 20.0
POLL = 0.01
# What a process needs to run at all; no provider's key and no setting of ours is among it.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")

T = TypeVar("T")
Line = dict[str, Any]


class Gateway:
    """A gateway that runs, or has run: its address, its process and its log."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self._folder = folder
        self._read = 0
        self._lines: list[Line] = []
        self._foreign: list[str] = []
        found = soon(self._address)
        assert found, f"the gateway did not start:\n{self.banner}{self._errors().decode()}"
        self.url = found
        assert ask(self, "/health/readiness", method="GET").status == 200

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.url.rpartition(":")[2])

    @property
    def banner(self) -> str:
        """What it said to the person who started it."""
        return (self._folder / "out.txt").read_text("utf-8")

    @property
    def lines(self) -> list[Line]:
        """The log lines so far."""
        raw = self._errors()[self._read :]
        whole = raw[: raw.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            try:
                self._lines.append(json.loads(line))
            except ValueError:
                self._foreign.append(line.decode("utf-8", "replace"))
        return self._lines

    @property
    def calls(self) -> list[Line]:
        """The lines of calls that have ended."""
        return [line for line in self.lines if line["event"] == "call"]

    @property
    def complaints(self) -> list[str]:
        """What stands in its log and should not: errors, tracebacks, warnings of Python."""
        errors = [json.dumps(line) for line in self.lines if line["level"] == "error"]
        return [*errors, *self._foreign]

    def call(self, name: str, within: float = PATIENCE) -> Line:
        """The line of the one call with this id, or else for this model, once it has ended."""
        return self.ended(name, 1, within)[0]

    def ended(self, name: str, count: int, within: float = PATIENCE) -> list[Line]:
        """The lines of the calls of this id, or for this model, once there are so many."""

        def found() -> list[Line]:
            calls = [one for one in self.calls if name in (one["id"], one["model"])]
            return calls if len(calls) >= count else []

        lines = soon(found, within) or []
        assert len(lines) == count, f"{len(lines)} calls of {name!r} were logged, not {count}"
        return lines

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Tell it to stop."""
        self.process.send_signal(number)

    def exit_code(self, within: float = PATIENCE) -> int:
        """Its exit code, once it has ended. Raises TimeoutExpired."""
        return self.process.wait(within)

    def stop(self) -> int:
        """Tell it to stop, and wait until it has."""
        if self.process.poll() is None:
            self.signal()
        return self.exit_code()

    def _errors(self) -> bytes:
        return (self._folder / "err.txt").read_bytes()

    def _address(self) -> str | None:
        if self.process.poll() is not None:
            return ""
        found = re.search(r"is listening on (http://\S+)", self.banner)
        return found[1] if found else None


def soon(look: Callable[[], T | None], within: float = PATIENCE) -> T | None:
    """What `look` finds once that is neither None nor empty; else what it finds at the end."""
    until = time.monotonic() + within
    while True:
        found = look()
        if found or (found is not None and not isinstance(found, list)):
            return found
        if time.monotonic() > until:
            return found
        time.sleep(POLL)


def environment(**more: str) -> dict[str, str]:
    """The environment of a machine on which nobody has set anything for us."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default", **more}


def written(folder: Path, config: Mapping[str, Any] | str) -> Path:
    """The configuration as a file in the folder."""
    path = folder / "gateway.yaml"
    path.write_text(config if isinstance(config, str) else yaml.safe_dump(config), "utf-8")
    return path


def headgate(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A command that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "proxy", *arguments],
        cwd=folder,
        env=environment(**(env or {})),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@contextmanager
def running(
    folder: Path,
    config: Mapping[str, Any] | str | None,
    *arguments: str,
    env: Mapping[str, str] | None = None,
) -> Iterator[Gateway]:
    """A gateway with this configuration inside the block, on a port that was free; without one it
    looks for a file in the folder, as a person's would."""
    command = [sys.executable, "-m", "proxy", "serve", "--port", "0", *arguments]
    if config is not None:
        command += ["--config", str(written(folder, config))]
    with (folder / "out.txt").open("wb") as out, (folder / "err.txt").open("wb") as err:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(**{"HEADGATE_DATA_DIR": str(folder / "data"), **(env or {})}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
    try:
        gateway = Gateway(process, folder)
        yield gateway
        code = gateway.stop()
        assert not gateway.complaints, "\n".join(gateway.complaints)
        assert code == 0
    finally:
        process.kill()
        process.wait()
