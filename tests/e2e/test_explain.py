"""Where a call would go is told by the running gateway, and nobody is asked for it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.configs import config, entry
from tests.e2e.gateway import headgate, running
from tests.e2e.plain import ask, chat
from tests.e2e.provider import Provider


def test_the_command_tells_what_rests_and_what_takes_over(
    provider: Provider, tmp_path: Path
) -> None:
    models = [entry("told", f"openai_like/{one}@told", provider.url) for one in ("500", "ok")]
    routing = {
        "routing_strategy": "least-busy", "allowed_fails": 0, "cooldown_time": 60,
        "fallbacks": [{"told": ["demo"]}],
    }  # fmt: skip
    whole = config(*models, entry("demo", "mock/demo"), router_settings=routing)
    with running(tmp_path, whole) as gateway:
        while not any(one.model == "500@told" for one in provider.upstream.requests):
            assert ask(gateway, body=chat("told")).status == 200
        before = len(provider.upstream.requests)
        place = ("--config", "gateway.yaml", "--url", gateway.url)
        table = headgate(tmp_path, "explain", "--model", "told", *place)
        found = headgate(tmp_path, "explain", "--model", "told", "--json", *place)
        none = headgate(tmp_path, "explain", "--model", "nobody", *place)
        assert len(provider.upstream.requests) == before
    assert (table.returncode, table.stderr) == (0, "")
    assert "least-busy; 2 retries" in table.stdout
    assert "it rests for" in table.stdout
    told, demo = json.loads(found.stdout)["groups"]
    bad, good = told["deployments"]
    assert 0 < bad["rests_for_seconds"] <= 60
    assert (bad["share"], good["share"]) == (0, 1)
    assert (demo["name"], demo["role"], demo["passed_over"]) == ("demo", "fallback", None)
    assert none.returncode == 1
    assert "does not exist" in none.stderr
