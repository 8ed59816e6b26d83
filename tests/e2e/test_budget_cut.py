"""A stream that outgrows its budget ends as one of the greatest length, in the client's dialect."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.configs import config, entry
from tests.e2e.gateway import Gateway, running
from tests.e2e.plain import ask

# What a reply of unknown length is taken for, and a little more for the prompt.
BUDGET = 16_384 * 3e-6 + 2e-4
GEMINI = "/v1beta/models/endless:streamGenerateContent"
SAID = [{"role": "user", "parts": [{"text": "Hi"}]}]
HELLO = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that refuses rather than clamps, over a model that never ends."""
    folder: Path = tmp_path_factory.mktemp("cut")
    price: dict[str, Any] = {"input_cost_per_token": 1e-6, "output_cost_per_token": 3e-6}
    own: dict[str, Any] = {"data_dir": str(folder / "data"), "over_budget": "refuse"}
    models = entry("endless", "mock/words18000-rate0", **price)
    with running(folder, config(models, **own)) as found:
        yield found


@pytest.mark.parametrize(
    ("path", "body", "end"),
    [
        ("/v1/chat/completions", {"messages": HELLO}, '"finish_reason":"length"'),
        (f"{GEMINI}?alt=sse", {"contents": SAID}, '"finishReason":"MAX_TOKENS"'),
        (GEMINI, {"contents": SAID}, '"finishReason":"MAX_TOKENS"'),
        ("/v1/responses", {"input": "Hi"}, '"incomplete_details":{"reason":"max_output_tokens"}'),
        ("/api/chat", {"messages": HELLO}, '"done_reason":"length"'),
    ],
)
def test_the_reply_ends_in_good_order_and_within_the_budget(
    gateway: Gateway, path: str, body: dict[str, Any], end: str
) -> None:
    made = ask(gateway, "/key/generate", {"max_budget": BUDGET}).json["key"]
    whole = body if "contents" in body else {"model": "endless", "stream": True, **body}
    answer = ask(gateway, path, whole, headers={"Authorization": f"Bearer {made}"})
    assert answer.status == 200
    text = answer.body.decode()
    assert end in text
    assert "budget_exceeded" not in text
    spent = 0.0
    for _ in range(40):
        spent = ask(gateway, f"/key/info?key={made}", method="GET").json["info"]["spend"]
        if spent:
            break
        time.sleep(0.05)
    assert 0.9 * BUDGET < spent <= BUDGET
    call = gateway.call(answer.headers["x-litellm-call-id"])
    assert call["outcome"] == "ok"
    assert "cut:budget" in call["losses"]
