"""The cases: what is asked of a server, and what is read off it.

The rule: a case gives its figures by name, and leaves out what could not be measured; whether they
are good is not its business.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.bench.process import cpu_seconds, machine_seconds, own_seconds, pin, resident_kb
from tests.bench.targets import Server, launch
from tests.bench.tools import Tools

WORDS = (
    "Explain in plain words how a gateway keeps its ledger right when a stream is cut half way. "
)
PATH = "/v1/chat/completions"
SETTLE = 1.0
LOOK_EVERY = 0.1
GIVE_UP = 60.0

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Load:
    """What the generator does: its mode, the provider's model, connections, chunks, times in ms."""

    mode: str
    model: str
    connections: int
    chunks: int = 0
    ramp: int = 0
    warm: int = 300
    once: bool = False
    path: str = PATH


REQUEST = Load("closed", "mock-b1000", 16)
BURST = Load("stream", "mock-c200-d0", 16, 200)
PACED = Load("stream", "mock-c100-d20000", 100, 100, ramp=2000, warm=2200)
MESSAGES = Load("stream", "mock-c200-d0", 16, 200, path="/v1/messages")
ALONE = Load("closed", "mock-b1000", 1)
ALONE_STREAM = Load("stream", "mock-c10-d1000", 1, 10)
OPEN = Load("stream", "mock-c10-d400000", 1000, 10, ramp=2000, warm=100, once=True)


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the generator: what it printed, and what the server and the machine spent."""

    printed: Mapping[str, Any]
    cpu: float | None
    grown_kb: int | None
    others: float | None

    def quantile(self, what: str, which: str) -> float | None:
        """A quantile of a kind of times, in µs."""
        value = self.printed.get(what, {}).get(which)
        return None if value is None else float(value)

    def per(self, count: str) -> float | None:
        """CPU µs of the server for each of what was counted."""
        if count == "requests":
            number = int(self.printed.get("good", 0)) + int(self.printed.get("bad", 0))
        else:
            number = int(self.printed.get(count, 0))
        return self.cpu * 1e6 / number if self.cpu is not None and number else None


class Bench:
    """What the cases share: the tools, the cores, the length of a run and where files may lie."""

    def __init__(
        self,
        tools: Tools,
        provider: int,
        cores: tuple[int, int] | None,
        seconds: float,
        scratch: Path,
    ) -> None:
        self.tools, self.provider, self.seconds, self.scratch = tools, provider, seconds, scratch
        self.core = cores[0] if cores else None
        self.load_core = cores[1] if cores else None
        self.runs: list[tuple[str, Ran]] = []

    def run(self, load: Load, server: Server, seconds: float | None = None) -> Ran:
        """Let the generator work against a server, and measure the server meanwhile."""
        argv = self._argv(load, server, self.seconds if seconds is None else seconds)
        pids = [self.provider, *([server.child.pid] if server.child else [])]
        machine, ours = machine_seconds(), _ours(pids)
        spent = cpu_seconds(pids[-1]) if server.child else None
        begin = time.monotonic()
        printed, grown = self._watch(argv, server)
        elapsed = time.monotonic() - begin
        if server.child and spent is not None:
            now = cpu_seconds(server.child.pid)
            spent = None if now is None else now - spent
        ran = Ran(printed, spent, grown, _others(machine, ours, pids, elapsed))
        self.runs.append((server.target.name, ran))
        return ran

    def _watch(self, argv: list[str], server: Server) -> tuple[Mapping[str, Any], int | None]:
        # Memory is looked at while it runs; the pipe holds the one line that it prints.
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        pin(process.pid, self.load_core)
        pid = server.child.pid if server.child else None
        before = peak = resident_kb(pid) if pid is not None else None
        end = time.monotonic() + GIVE_UP
        try:
            while process.poll() is None and time.monotonic() < end:
                now = resident_kb(pid) if pid is not None else None
                peak = max(peak or 0, now) if now is not None else peak
                time.sleep(LOOK_EVERY)
        finally:
            if process.poll() is None:
                process.kill()
            out, _ = process.communicate()
        grown = None if peak is None or before is None else peak - before
        try:
            printed: Mapping[str, Any] = json.loads(out)
        except json.JSONDecodeError:
            printed = {"bad": 1, "errors": {"the generator failed": 1}}
        return printed, grown

    def _argv(self, load: Load, server: Server, seconds: float) -> list[str]:
        body = self.scratch / "body.json"
        body.write_text(_body(load), "utf-8")
        url = f"http://127.0.0.1:{server.port}{load.path}"
        argv = [*self.tools.load, "-m", load.mode, "-u", url, "-c", str(load.connections)]
        argv += ["-t", str(seconds), "-f", str(body), "-W", str(load.warm), "-T", "15000"]
        argv += ["-R", str(load.ramp), "-H", f"Authorization: Bearer {server.target.key}"]
        argv += ["-x", str(load.chunks)] if load.chunks else []
        return argv + (["-n", str(load.connections)] if load.once else [])


def _body(load: Load) -> str:
    prompt = ("Request @@UNIQ@@. " + WORDS * 12)[:1024]
    system = {"role": "system", "content": "You are a helpful assistant."}
    messages = [system, {"role": "user", "content": prompt}]
    # Anthropic's system prompt has no place among the messages.
    said = messages if load.path == PATH else messages[1:]
    body = {"model": load.model, "messages": said, "max_tokens": 256, "temperature": 0.7}
    return json.dumps({**body, "stream": True} if load.mode == "stream" else body)


def _ours(pids: list[int]) -> float:
    return own_seconds() + sum(cpu_seconds(pid) or 0.0 for pid in pids)


def _others(machine: float | None, ours: float, pids: list[int], elapsed: float) -> float | None:
    """How many cores programs that are not ours kept busy meanwhile."""
    now = machine_seconds()
    if machine is None or now is None:
        return None
    return max((now - machine) - (_ours(pids) - ours), 0.0) / elapsed


def _known(**figures: float | None) -> Figures:
    return {name: value for name, value in figures.items() if value is not None}


def _request(bench: Bench, server: Server) -> Figures:
    return _known(request_us=bench.run(REQUEST, server).per("requests"))


def _burst(bench: Bench, server: Server) -> Figures:
    return _known(burst_us=bench.run(BURST, server).per("chunks"))


def _translated(bench: Bench, server: Server) -> Figures:
    # The floor translates nothing.
    if server.target.name not in GATEWAYS:
        return {}
    return _known(messages_us=bench.run(MESSAGES, server).per("chunks"))


def _paced(bench: Bench, server: Server) -> Figures:
    return _known(paced_us=bench.run(PACED, server).per("chunks"))


def _latency(bench: Bench, server: Server) -> Figures:
    ran = bench.run(ALONE, server)
    p50, p99 = ran.quantile("latency", "p50"), ran.quantile("latency", "p99")
    return _known(latency_p50_us=p50, latency_p99_us=p99)


def _first(bench: Bench, server: Server) -> Figures:
    return _known(first_us=bench.run(ALONE_STREAM, server).quantile("ttft", "p50"))


def _start(bench: Bench, server: Server) -> Figures:
    # Not this server: a new one, which has served nothing yet, in a folder with its tables made.
    first = launch(server.target, bench.core)
    first.close()
    fresh = launch(server.target, bench.core, first.port)
    try:
        time.sleep(SETTLE)
        idle = resident_kb(fresh.child.pid) if fresh.child else None
        return _known(start_s=fresh.started, idle_mb=None if idle is None else idle / 1024)
    finally:
        fresh.close()


def _memory(bench: Bench, server: Server) -> Figures:
    # A new one here too: memory that a process once took it keeps, and takes no second time.
    fresh = launch(server.target, bench.core)
    try:
        bench.run(BURST, fresh, seconds=0.2)
        ran = bench.run(OPEN, fresh, seconds=OPEN.ramp / 1e3 + 1)
        most = int(ran.printed.get("peak_inflight", 0))
        grown = None if ran.grown_kb is None or not most else ran.grown_kb / most
        return _known(stream_kb=grown)
    finally:
        fresh.close()


Case = Callable[[Bench, Server], Figures]
CASES: Mapping[str, Case] = MappingProxyType(
    {
        "request": _request,
        "burst": _burst,
        "translated": _translated,
        "paced": _paced,
        "latency": _latency,
        "first": _first,
        "memory": _memory,
        "start": _start,
    }
)
# Those that are measured against the provider with no gateway between too.
GATEWAYS = frozenset({"here", "base"})
AGAINST_DIRECT = frozenset({"latency", "first"})


def warm_up(bench: Bench, server: Server) -> None:
    """Let every path of a server be gone once, before anything counts."""
    for load in (REQUEST, BURST):
        bench.run(load, server, seconds=0.5)
    bench.runs.clear()
