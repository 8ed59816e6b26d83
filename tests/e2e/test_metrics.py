"""Two gateways of one machine that share their files show the figures of one."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.configs import config, entry
from tests.e2e.gateway import KEY, Gateway, running, soon
from tests.e2e.plain import ask, chat

BEARER = {"Authorization": f"Bearer {KEY}"}
TOTAL = "litellm_proxy_total_requests_metric_total"
CALLS = 6


def figures(gateway: Gateway) -> dict[str, float]:
    text = ask(gateway, "/metrics", method="GET", headers=BEARER).body.decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found[one.name] = found.get(one.name, 0.0) + one.value
    return found


def shows(gateway: Gateway, name: str, value: float) -> bool | None:
    return figures(gateway).get(name) == value or None


def test_two_gateways_show_the_totals_of_one(tmp_path: Path) -> None:
    own = {"data_dir": str(tmp_path / "data"), "shared_data": True}
    text = config(entry("demo", "mock/words5-rate0"), headgate_settings=own)
    with ExitStack() as stack:
        both = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            both.append(stack.enter_context(running(tmp_path / name, text)))
        for number in range(CALLS):
            for gateway in both[: 1 + number % 2]:
                answer = ask(gateway, "/v1/chat/completions", chat("demo"), headers=BEARER)
                assert answer.status == 200
        expected = CALLS + CALLS // 2
        for gateway in both:
            assert soon(partial(shows, gateway, TOTAL, expected))
        one, two = (figures(gateway) for gateway in both)
        for name in (TOTAL, "litellm_total_tokens_metric_total", "headgate_overhead_seconds_count"):
            assert one[name] == two[name] > 0
        assert soon(partial(shows, both[0], "headgate_workers", 2))
        assert both[1].stop() == 0
        assert figures(both[0])[TOTAL] == expected
        assert figures(both[0])["headgate_workers"] == 1
