"""How a call hears that its client left: by our server's call, or by waiting on `receive`."""

from __future__ import annotations

import pytest

from tests.fakes.asgi import Client


@pytest.fixture(params=["receive", "callback"])
def both_ways_to_hear(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test once for each way."""
    monkeypatch.setattr(Client, "calls_back", request.param == "callback")
