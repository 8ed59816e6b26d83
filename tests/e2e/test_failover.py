"""No call fails while a healthy deployment is there, and calls go where they should."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.configs import config, entry
from tests.e2e.failover import DEADLINE, FAULTS, SLACK, WHOLE, WORDS, Fault, Outcome, faulty, met
from tests.e2e.gateway import Gateway, running
from tests.e2e.plain import ask, chat, dialled, request, text_of, until
from tests.e2e.provider import Provider
from tests.e2e.standing import Standing

AT_ONCE = 6


@pytest.fixture(scope="module")
def outcomes(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> dict[Fault, Outcome]:
    """How calls to a group with each of the faults went."""
    folder = tmp_path_factory.mktemp("faults")
    with running(folder, faulty(provider, "simple-shuffle")) as gateway:
        return {one.fault: one for one in met(gateway, provider)}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.group)
def test_a_fault_fails_no_call(outcomes: dict[Fault, Outcome], fault: Fault) -> None:
    found = outcomes[fault]
    assert found.asked, "nobody met the fault"
    assert not found.failures
    assert found.slowest <= DEADLINE + SLACK


def counted(provider: Provider) -> Counter[str]:
    """How many requests each model has got."""
    return Counter(one.model for one in provider.upstream.requests)


def strategy(name: str, *models: dict[str, Any], **more: Any) -> dict[str, Any]:
    return config(*models, router_settings={"routing_strategy": name, "num_retries": 2, **more})


def said(gateway: Gateway, model: str, stream: bool = False) -> None:
    answer = ask(gateway, body=chat(model, stream=stream))
    assert answer.status == 200, answer.body
    if stream:
        assert text_of(answer.events) == WORDS
    else:
        assert answer.json["choices"][0]["message"]["content"] == WHOLE


def test_calls_are_spread_by_weight(provider: Provider, tmp_path: Path) -> None:
    models = [entry("spread", f"openai_like/ok@w{n}", provider.url, weight=n) for n in (5, 3, 2)]
    configured = strategy("simple-shuffle", *models)
    with running(tmp_path, configured) as gateway, ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda _: said(gateway, "spread"), range(1000)))
    found = counted(provider)
    for weight in (5, 3, 2):
        assert abs(found[f"ok@w{weight}"] - weight * 100) <= 30, found


def test_the_fastest_one_gets_all_calls_after_ten(provider: Provider, tmp_path: Path) -> None:
    models = [entry("quick", f"openai_like/{one}@lat", provider.url) for one in ("slowfirst", "ok")]
    with running(tmp_path, strategy("latency-based-routing", *models)) as gateway:
        for stream in (True, False):
            for _ in range(10):
                said(gateway, "quick", stream)
            before = counted(provider)["slowfirst@lat"]
            for _ in range(20):
                said(gateway, "quick", stream)
            assert counted(provider)["slowfirst@lat"] == before


def test_one_that_is_busy_is_left_alone(provider: Provider, tmp_path: Path) -> None:
    models = [entry("busy", f"openai_like/{one}@busy", provider.url) for one in ("slow", "ok")]
    with running(tmp_path, strategy("least-busy", *models)) as gateway, ExitStack() as held:
        for _ in range(40):
            slow = counted(provider)["slow@busy"]
            sock = held.enter_context(dialled(gateway, request(chat("busy"))))
            begun = until(sock, b"t0 ")
            # The stream of the slow one stays open to the end of the test.
            if counted(provider)["slow@busy"] == slow and b"[DONE]" not in begun:
                until(sock, b"[DONE]")
        found = counted(provider)
    assert found["ok@busy"] >= 38
    assert found["slow@busy"] <= 2


def test_a_dead_one_gets_nothing_but_its_probe(provider: Provider, tmp_path: Path) -> None:
    models = [entry("dead", f"openai_like/{one}@dead", provider.url) for one in ("500", "ok")]
    rests = {"allowed_fails": 0, "cooldown_time": 1}
    with running(tmp_path, strategy("simple-shuffle", *models, **rests)) as gateway:
        began, calls = time.monotonic(), 0
        while time.monotonic() < began + 4:
            said(gateway, "dead")
            calls += 1
    assert calls > 50
    # One call that finds it dead, then one a rest, and the rests grow.
    assert 1 <= counted(provider)["500@dead"] <= 4


def test_providers_that_are_killed_and_restarted_under_load_fail_no_call(tmp_path: Path) -> None:
    with ExitStack() as stack:
        both = [standing(stack), standing(stack)]
        continued = {"mid_stream_fallback": "continue", "stream_timeout": 5, "timeout": 5}
        models = [entry("load", "openai_like/goes_on", one.url, **continued) for one in both]
        rests = {"cooldown_time": 0.3}
        gateway = stack.enter_context(
            running(tmp_path, strategy("simple-shuffle", *models, **rests))
        )
        stop = threading.Event()
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        clients = [pool.submit(loaded, gateway, stop, one % 2 == 0) for one in range(AT_ONCE)]
        try:
            for one in both * 2:
                time.sleep(0.7)
                one.kill()
                time.sleep(0.3)
                one.start()
                time.sleep(0.7)
        finally:
            stop.set()
        assert sum(one.result() for one in clients) > 50
        assert [one.killed for one in both] == [2, 2]


def standing(stack: ExitStack) -> Standing:
    found = Standing()
    found.start()
    stack.callback(found.kill)
    return found


def loaded(gateway: Gateway, stop: threading.Event, stream: bool) -> int:
    calls = 0
    while not stop.is_set():
        said(gateway, "load", stream)
        calls += 1
    return calls
