"""Groups of a deployment that fails and one that is well, and how calls to them go.

The rule: a fault counts as met only once the failing deployment was asked; until then calls go on.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.e2e.configs import config, entry
from tests.e2e.gateway import Gateway
from tests.e2e.plain import Answer, ask, chat, text_of
from tests.e2e.provider import Provider

WORDS = "t0 t1 t2 t3 t4 "
WHOLE = "hello world"
# Seconds: of the whole call, of the first byte (or a whole reply), and of silence within a stream.
DEADLINE, FIRST, IDLE = 6.0, 0.5, 0.5
# What the machine may add on top, which runs other things beside.
SLACK = 1.0
LEAST, MOST = 3, 80
AT_ONCE = 6
STRATEGIES = (
    "simple-shuffle",
    "least-busy",
    "usage-based-routing",
    "usage-based-routing-v2",
    "latency-based-routing",
    "cost-based-routing",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, in words, and the faulty provider's mode for it; `late` where a byte has
    left the house by then."""

    words: str
    mode: str
    stream: bool
    late: bool = False

    @property
    def group(self) -> str:
        """The group's name."""
        return f"{self.mode}-{'stream' if self.stream else 'whole'}"


FAULTS: tuple[Fault, ...] = (
    *(
        Fault(words, mode, stream)
        for stream in (True, False)
        for words, mode in (
            ("refused", "refused"),
            ("reset", "reset"),
            ("500", "500"),
            ("429 with Retry-After", "429"),
            ("first byte late", "nofirst"),
            ("200 with an error body", "json_error_200"),
            ("wrong content type", "html200"),
        )
    ),
    Fault("stall after the head", "nofirst_hdr", True),
    Fault("cut after the head", "closed_after_head", True),
    Fault("error as first event", "error_first_event", True),
    Fault("malformed chunk", "badchunk", True),
    Fault("stall in the body", "half_stall", False),
    Fault("cut in the body", "clmismatch", False),
    Fault("malformed chunk", "badjson200", False),
    Fault("stall in the middle", "stall", True, late=True),
    Fault("cut in the middle", "cut_chunk", True, late=True),
    Fault("reset in the middle", "rst", True, late=True),
    Fault("error in the middle", "sse_error_mid", True, late=True),
    Fault("malformed chunk in the middle", "badchunk_mid", True, late=True),
)


@dataclass(slots=True)
class Outcome:
    """How the calls of one group went; `asked` is how many of them met the fault, `slowest` is in
    seconds, and `failures` says what was wrong."""

    fault: Fault
    calls: int = 0
    asked: int = 0
    slowest: float = 0.0
    failures: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether the fault was met, no call failed, and none was late."""
        return bool(self.asked) and not self.failures and self.slowest <= DEADLINE + SLACK


def faulty(provider: Provider, strategy: str, faults: Sequence[Fault] = FAULTS) -> dict[str, Any]:
    """A configuration with one group for each fault."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    models = [one for fault in faults for one in _group(fault, provider.url, closed)]
    routing = {"routing_strategy": strategy, "num_retries": 2, "timeout": DEADLINE}
    return config(*models, router_settings=routing, idle_timeout=IDLE)


def met(gateway: Gateway, provider: Provider, faults: Sequence[Fault] = FAULTS) -> list[Outcome]:
    """How the calls to each group went, several groups at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(partial(_met, gateway, provider), faults))


def _group(fault: Fault, url: str, closed: str) -> Iterator[dict[str, Any]]:
    group, base = fault.group, closed if fault.mode == "refused" else url
    # The one that fails is the likelier choice of the strategies that go by weight or price.
    bad: dict[str, Any] = {"weight": 9, "stream_timeout": FIRST, "timeout": FIRST}
    good: dict[str, Any] = {"weight": 1, **_priced(1e-5)}
    if fault.late:
        bad["mid_stream_fallback"] = "continue"
    yield entry(group, f"openai_like/{fault.mode}@{group}", base, **bad, **_priced(1e-6))
    yield entry(group, f"openai_like/{'goes_on' if fault.late else 'ok'}@{group}", url, **good)


def _priced(price: float) -> dict[str, Any]:
    return {"input_cost_per_token": price, "output_cost_per_token": price}


def _met(gateway: Gateway, provider: Provider, fault: Fault) -> Outcome:
    outcome, bad = Outcome(fault), f"{fault.mode}@{fault.group}"
    while outcome.calls < LEAST or (not outcome.asked and outcome.calls < MOST):
        started = time.monotonic()
        answer = ask(gateway, body=chat(fault.group, stream=fault.stream))
        outcome.slowest = max(outcome.slowest, time.monotonic() - started)
        outcome.calls += 1
        wrong = _wrong(answer, fault)
        if wrong:
            outcome.failures = (*outcome.failures, wrong)
        if fault.mode == "refused":
            outcome.asked += answer.headers.get("x-litellm-attempted-retries", "0") != "0"
        else:
            outcome.asked = sum(one.model == bad for one in provider.upstream.requests)
    return outcome


def _wrong(answer: Answer, fault: Fault) -> str:
    """What is wrong with an answer; nothing, where all of it came."""
    if answer.status != 200:
        return f"{answer.status}: {answer.body[:200]!r}"
    if not fault.stream:
        said = answer.json["choices"][0]["message"]["content"]
        return "" if said == WHOLE else f"said {said!r}"
    try:
        said = text_of(answer.events)
    except (AssertionError, KeyError):
        return f"broken: {answer.body[-200:]!r}"
    return "" if said == WORDS else f"said {said!r}"
