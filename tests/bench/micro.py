"""`python -m tests.bench.micro`: what translation costs, inside one process.

The rule: processor time and the least of many runs, so that a busy machine changes little; it ends
with 0 whatever the figures are.
"""

from __future__ import annotations

import asyncio
import io
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import orjson

from pipelines.assembly import StageSpec, assemble
from pipelines.call import Call
from pipelines.dialects.base import Dialect, Gauge
from pipelines.dialects.bridge import Bridge
from pipelines.dialects.losses import Losses
from pipelines.errors import GatewayError
from pipelines.events import Data
from pipelines.exchange import Exchange
from pipelines.operations import CHAT, GENERATE, MESSAGES, OPERATIONS, RESPONSES, Operation
from pipelines.ports import Beginnings, Journal
from pipelines.registry import DEFAULT_STAGES, DIALECTS
from pipelines.routing.routes import Routes
from proxy.clock import SystemClock
from proxy.telemetry import logging
from tests.bench.samples import ANSWERS, Answer, prompt
from tests.builders import a_body, a_completion, a_deployment
from tests.fakes.ports import JSON, FakeReply, FakeTransport, fake_ports
from tests.fuzz.subjects import a_call

RUNS = 25
CALLS = 400
EVENT_LIMIT, PROMPT_LIMIT = 4.0, 15.0
STREAMS = (
    ("openai-chat", CHAT),
    ("anthropic-messages", CHAT),
    ("bedrock-converse", CHAT),
    ("gemini-generate", CHAT),
    ("openai-chat", MESSAGES),
    ("bedrock-converse", MESSAGES),
    ("openai-chat", RESPONSES),
    ("anthropic-messages", RESPONSES),
    ("openai-chat", GENERATE),
)


def least(run: Callable[[], object], runs: int = RUNS) -> float:
    """The processor time of the cheapest run, in seconds."""
    best = float("inf")
    for _ in range(runs):
        begin = time.process_time()
        run()
        best = min(best, time.process_time() - begin)
    return best


def watcher(spoken: Dialect, operation: Operation, answer: Answer) -> Gauge:
    """What the stage `translate` would put in the way of such a reply."""
    call, heard = a_call(operation, True), DIALECTS[operation.dialect]
    if spoken is heard:
        return heard.gauge(call, a_deployment())
    frames = spoken.frames(answer.media)
    return Bridge("Acme", spoken.interpreter("Acme"), frames, heard.writer(call, "1"), 7)


def per_event(spoken: str, operation: Operation, per_read: int) -> float:
    """µs of processor time for each event of a stream that comes so many a read."""
    answer = ANSWERS[spoken]()
    events = answer.events
    reads = [b"".join(events[at : at + per_read]) for at in range(0, len(events), per_read)]

    def run() -> None:
        watch = watcher(DIALECTS[spoken], operation, answer).watch
        for raw in reads:
            watch(raw)

    return least(run) / len(events) * 1e6


def stream_lines() -> Iterator[str]:
    """A line for each way between two dialects."""
    fast = {per_read: per_event("openai-chat", CHAT, per_read) for per_read in (1, 8)}
    for spoken, operation in STREAMS:
        costs = {per_read: per_event(spoken, operation, per_read) for per_read in fast}
        over = max(costs[per_read] - fast[per_read] for per_read in fast)
        verdict = f"+{over:.2f} {_mark(over, EVENT_LIMIT)}"
        if spoken == operation.dialect:
            verdict = "the fast path"
        yield (
            f"{spoken:20} → {operation.dialect:20}"
            f"{costs[1]:8.2f} µs an event alone {costs[8]:6.2f} µs one of eight   {verdict}"
        )


def prompt_lines() -> Iterator[str]:
    """A line for each dialect that a client's prompt of a megabyte may come in: its dearest way."""
    for operation in OPERATIONS:
        heard = DIALECTS[operation.dialect]
        if heard.kind != "generation":
            continue
        try:
            call = prompt_call(operation)
            costs = dict(prompt_costs(heard, call))
        except GatewayError:
            continue
        dearest = max(costs, key=lambda name: costs[name], default="")
        if dearest:
            yield (
                f"{operation.dialect:20} → {dearest:20}{costs[dearest]:8.2f} ms for "
                f"{len(call.raw) / 1e6:.2f} MB, the dearest of {len(costs)}   "
                f"{_mark(costs[dearest], PROMPT_LIMIT)}"
            )


def prompt_call(operation: Operation) -> Call:
    """The long prompt in the words of an operation's clients."""
    heard = DIALECTS[operation.dialect]
    body = heard.render(prompt(heard.name), a_deployment(), Losses("Acme", drop_params=True))
    return Call(operation, orjson.dumps(body), [], path_model="m")


def prompt_costs(heard: Dialect, call: Call) -> Iterator[tuple[str, float]]:
    """ms of processor time for the prompt into each other dialect that can express it."""
    deployment = a_deployment(drop_params=True)
    for spoken in DIALECTS.values():
        if spoken.kind != heard.kind or spoken is heard:
            continue

        def run(spoken: Dialect = spoken) -> None:
            again = Call(call.operation, call.raw, [], path_model="m")
            losses = Losses("Acme", drop_params=True)
            orjson.dumps(spoken.render(heard.parse(again), deployment, losses))

        try:
            yield spoken.name, least(run, 5) * 1e3
        except GatewayError:
            continue


def request_us() -> float:
    """µs of processor time for a plain call through the whole chain, its log line included, to a
    provider that answers at once."""
    # Before the journal: a logger keeps what it was made with.
    writer = logging.configure("info", "json", io.StringIO())
    try:
        return call_us(logging.LogJournal())
    finally:
        writer.flush()


def call_us(journal: Journal, beginnings: Beginnings | None = None) -> float:
    """µs of processor time for a plain call through the whole chain with this journal."""
    transport = FakeTransport(FakeReply([a_completion()], headers=[JSON]))
    ports = fake_ports(transport, Routes([a_deployment()]))
    ports = replace(ports, journal=journal, beginnings=beginnings, clock=SystemClock())
    chain = assemble([StageSpec(name) for name in DEFAULT_STAGES], ports)

    async def one(number: int) -> None:
        exchange = Exchange(f"call-{number}", Call(CHAT, a_body(), []), time.monotonic())
        async with chain.run(exchange) as flow:
            async for event in flow:
                if type(event) is Data:
                    continue

    async def many() -> None:
        for number in range(CALLS):
            await one(number)
        transport.trail.clear()

    return least(lambda: asyncio.run(many()), 10) / CALLS * 1e6


def _mark(found: float, limit: float) -> str:
    return f"({'ok' if found <= limit else 'over'}: at most {limit:g})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; always 0."""
    print("translated streams, against the fast path of openai-chat in the same reads:")
    for line in stream_lines():
        print("  " + line, flush=True)
    print("long prompts:")
    for line in prompt_lines():
        print("  " + line, flush=True)
    print(f"a plain call through the chain, without sockets: {request_us():.1f} µs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
