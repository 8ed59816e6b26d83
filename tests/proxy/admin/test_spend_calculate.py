"""What a call cost is counted as calls are counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipelines.money import Prices
from tests.builders import USAGE, a_deployment
from tests.proxy.admin.harness import Admin

PRICES = Prices(prompt=1_000_000, completion=2_000_000)


def _admin() -> Admin:
    priced = replace(a_deployment("a"), prices=PRICES)
    return Admin(deployments=(priced, a_deployment("b", "free")))


async def test_an_answer_costs_what_its_usage_says() -> None:
    body = {"completion_response": {"model": "gpt", "usage": USAGE}}
    assert await _admin().done("POST", "/spend/calculate", body) == {"cost": 3.3e-05}


async def test_a_prompt_costs_what_it_is_likely_to_have() -> None:
    messages = [{"role": "user", "content": "hello there"}, {"content": [{"text": "hi"}]}, 1]
    body = {"model": "gpt", "messages": messages}
    found = await _admin().done("POST", "/spend/calculate", body)
    assert 1e-05 < found["cost"] < 3e-05


async def test_the_cost_of_many_calls_is_estimated() -> None:
    body = {"model": "gpt", "input_tokens": 10, "output_tokens": 5, "num_requests_per_day": 3}
    found = await _admin().done("POST", "/cost/estimate", body)
    assert (found["cost_per_request"], found["daily_cost"]) == (2e-05, 6e-05)
    assert found["input_cost_per_request"] == found["output_cost_per_request"] == 1e-05
    assert found["monthly_cost"] is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model": "gpt"},
        {"messages": []},
        {"model": "nobody", "messages": []},
        {"model": "free", "messages": []},
        {"model": "gpt", "completion_response": {}},
        {"completion_response": {"usage": USAGE}},
        {"model": "gpt", "completion_response": {"usage": {"prompt_tokens": 10**15}}},
    ],
)
async def test_what_nobody_knows_is_no_zero(body: dict[str, Any]) -> None:
    assert (await _admin().call("POST", "/spend/calculate", body)).status == 400
