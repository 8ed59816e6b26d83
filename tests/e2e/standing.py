"""A provider as a process of its own, which may be killed and started again at the same address."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time

from tests.e2e.gateway import PATIENCE, POLL, ROOT, environment
from tests.fakes.servers import free_port
from tests.fakes.upstream import FaultyUpstream


class Standing:
    """The process, and how often it was killed."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.killed = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [sys.executable, "-m", "tests.e2e.standing", str(self.port)]
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment())
        until = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                assert time.monotonic() < until, "the provider does not start"
                time.sleep(POLL)

    def kill(self) -> None:
        """End it at once, whatever it is doing."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.killed += 1


async def serve(port: int) -> None:
    """Answer on this port until the process ends."""
    async with FaultyUpstream(port=port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
