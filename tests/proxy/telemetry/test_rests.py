"""The log says that a deployment rests, why, and that it is well again."""

from __future__ import annotations

from structlog.testing import capture_logs

from pipelines.errors import ConnectFailed
from pipelines.routing.health import FEWEST, Health
from pipelines.routing.routes import Routes
from proxy.telemetry.rests import RestLog
from tests.builders import a_deployment


def test_a_rest_is_one_line_and_its_end_another() -> None:
    one, health = a_deployment("d1", "gpt"), Health()
    with capture_logs() as lines:
        health.tell(RestLog(Routes([one])))
        for _ in range(FEWEST):
            health.failed(one, ConnectFailed("acme could not be reached."), 1.0, True)
        health.succeeded(one, 100.0)
    first, last = lines
    assert (first["log_level"], first["model"], first["deployment"]) == ("warning", "gpt", "d1")
    assert "acme could not be reached." in first["reason"]
    assert first["seconds"] > 0
    assert (last["log_level"], last["event"]) == ("info", "a deployment is well again")
